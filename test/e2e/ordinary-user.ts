import { copyFile, mkdtemp, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { exec } from '../../src/util/exec.ts';

/** Somebody who is not root. */
export interface OrdinaryUser {
  /** What stands before a command that this user runs. */
  prefix: string[];
  env: Record<string, string>;
  /** A Node.js that this user may run: ours may lie in the home of root, which is closed to others. */
  node: string;
  /** A folder of this user's own. */
  folder: string;
  /** Removes the folder, and the account if it was made for this. */
  remove(): Promise<void>;
}

/** A user of this host with a range of subordinate ids, or one that is made for the time of the test. Needs root. */
export async function userWithRange(): Promise<OrdinaryUser> {
  const ranges = await readFile('/etc/subuid', 'utf8').catch(() => '');
  const known = ranges.split('\n').map((line) => line.split(':')[0] ?? '');
  for (const name of known) {
    const account = await accountOf(name);
    if (account !== undefined) return asUser(account);
  }
  const made = 'gabarit-test';
  await exec(['useradd', '--no-create-home', made]);
  const user = await asUser((await accountOf(made)) as string);
  return { ...user, remove: () => user.remove().finally(() => exec(['userdel', made])) };
}

/** A user without a name, a range or any rights. Needs root. */
export async function stranger(): Promise<OrdinaryUser> {
  return asUser('64999:64999');
}

/** `UID:GID` of a user who is not root. */
async function accountOf(name: string): Promise<string | undefined> {
  const { stdout } = await exec(['getent', 'passwd', name], { okExitCodes: [0, 1, 2] });
  const [, , uid, gid] = stdout.split(':');
  return name === '' || uid === undefined || uid === '0' ? undefined : `${uid}:${gid}`;
}

async function asUser(account: string): Promise<OrdinaryUser> {
  // The tests' own folder for temporary files belongs to root alone; one of this name is swept with the others.
  const folder = await mkdtemp(`/tmp/gabarit-test-${process.pid}-user-`);
  await exec(['chown', account, folder]);
  const node = join(folder, 'node');
  await copyFile(process.execPath, node);
  const [uid = '', gid = ''] = account.split(':');
  return {
    prefix: ['setpriv', '--reuid', uid, '--regid', gid, '--clear-groups'],
    env: { HOME: folder, TMPDIR: folder },
    node,
    folder,
    remove: () => rm(folder, { recursive: true }),
  };
}
