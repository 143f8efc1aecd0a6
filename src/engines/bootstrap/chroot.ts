import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { exec, type ExecOptions, type ExecResult } from '../../util/exec.ts';
import type { Scope } from '../../util/scope.ts';

/** Names with their numbers in the kernel: major, minor. */
const devices = [
  ['null', '1', '3'],
  ['zero', '1', '5'],
  ['full', '1', '7'],
  ['random', '1', '8'],
  ['urandom', '1', '9'],
  ['tty', '5', '0'],
] as const;

/** Where files from outside appear inside a tree: on its /run, which is not part of the image. */
export const insideDir = '/run/gabarit';

/**
 * Makes a tree fit to run programs in: /proc, a small /dev, and empty /run and /tmp that are not part of the image. Everything is
 * a mount in our own mount namespace; `scope` takes them away again.
 */
export async function mountTree(tree: string, scope: Scope): Promise<void> {
  const mount = async (args: string[], at: string): Promise<void> => {
    await exec(['mount', ...args, join(tree, at)], { what: `mounting ${at}` });
    scope.defer(() => exec(['umount', '--lazy', join(tree, at)]));
  };
  for (const folder of ['proc', 'dev', 'run', 'tmp', 'sys']) await mkdir(join(tree, folder), { recursive: true });
  await mount(['-t', 'proc', 'proc'], 'proc');
  await mount(['-t', 'tmpfs', '-o', 'mode=755', 'dev'], 'dev');
  for (const [name, major, minor] of devices) {
    // New nodes, so that a script that changes their owner does not change the host's. An ordinary user cannot make any, and borrows.
    const made = await exec(['mknod', '--mode=666', join(tree, 'dev', name), 'c', major, minor], { okExitCodes: [0, 1] });
    if (made.exitCode === 0) continue;
    await writeFile(join(tree, 'dev', name), '');
    await mount(['--bind', `/dev/${name}`], `dev/${name}`);
  }
  for (const [name, target] of [
    ['fd', '/proc/self/fd'],
    ['stdin', '/proc/self/fd/0'],
    ['stdout', '/proc/self/fd/1'],
    ['stderr', '/proc/self/fd/2'],
  ] as const) {
    await symlink(target, join(tree, 'dev', name));
  }
  await mkdir(join(tree, 'dev/shm'), { mode: 0o1777 });
  await mkdir(join(tree, 'dev/pts'));
  await mount(['-t', 'tmpfs', '-o', 'mode=755', 'run'], 'run');
  await mkdir(join(tree, 'run/lock'), { mode: 0o1777 });
  await mount(['-t', 'tmpfs', '-o', 'mode=1777', 'tmp'], 'tmp');
}

/** Shows a file or folder of the host at `insideDir/name` in a mounted tree, and returns that path as seen from inside. */
export async function bindInside(
  tree: string,
  source: string,
  name: string,
  scope: Scope,
  options: { readOnly?: boolean } = {},
): Promise<string> {
  const inside = `${insideDir}/${name}`;
  const at = join(tree, inside);
  await mkdir(at, { recursive: true });
  await exec(['mount', '--bind', source, at], { what: `showing ${source} inside the image` });
  scope.defer(() => exec(['umount', '--lazy', at]));
  if (options.readOnly) await exec(['mount', '-o', 'remount,bind,ro', at]);
  return inside;
}

/** Covers a program of the tree by one that does nothing, until the scope closes. A program that is not there is left alone. */
export async function coverProgram(tree: string, path: string, stub: string, scope: Scope): Promise<void> {
  const at = join(tree, path);
  const found = await exec(['test', '-e', at], { okExitCodes: [0, 1] });
  if (found.exitCode !== 0) return;
  await exec(['mount', '--bind', stub, at]);
  scope.defer(() => exec(['umount', '--lazy', at]));
}

/** The environment of everything that runs inside a tree: the same on every machine. */
export function insideEnvironment(sourceDateEpoch: number): Record<string, string> {
  return {
    PATH: '/usr/sbin:/usr/bin:/sbin:/bin',
    HOME: '/root',
    TZ: 'UTC',
    DEBIAN_FRONTEND: 'noninteractive',
    DEBCONF_NONINTERACTIVE_SEEN: 'true',
    PYTHONHASHSEED: '0',
    SOURCE_DATE_EPOCH: String(sourceDateEpoch),
  };
}

/** Runs a program inside a mounted tree, as its root. */
export async function runInside(
  tree: string,
  argv: string[],
  environment: Record<string, string>,
  options: Omit<ExecOptions, 'env'> = {},
): Promise<ExecResult> {
  return exec(
    [
      'chroot',
      tree,
      '/usr/bin/env',
      '-i',
      ...Object.entries({ LC_ALL: 'C.UTF-8', ...environment }).map(([key, value]) => `${key}=${value}`),
      ...argv,
    ],
    {
      what: argv[0] ?? '',
      ...options,
    },
  );
}
