import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { HostFact } from '../model/host.ts';
import { AppError, errnoOf } from '../util/errors.ts';
import { exec } from '../util/exec.ts';
import { userName } from '../util/user-name.ts';

/** Why an ordinary user may not make a user namespace, each with what to look at and what to do. */
const restrictions: { file: string; forbids: (value: string) => boolean; hint: string }[] = [
  {
    file: '/proc/sys/kernel/apparmor_restrict_unprivileged_userns',
    forbids: (value) => value === '1',
    hint: 'AppArmor restricts user namespaces here (Ubuntu 23.10 and later). Run as root, or: sysctl kernel.apparmor_restrict_unprivileged_userns=0',
  },
  {
    file: '/proc/sys/kernel/unprivileged_userns_clone',
    forbids: (value) => value === '0',
    hint: 'The kernel keeps user namespaces from ordinary users. Run as root, or: sysctl kernel.unprivileged_userns_clone=1',
  },
  {
    file: '/proc/sys/user/max_user_namespaces',
    forbids: (value) => value === '0',
    hint: 'The kernel allows no user namespaces. Run as root, or: sysctl user.max_user_namespaces=10000',
  },
];

/** The first reason that can be seen, in words that say what to do. */
async function likelyHint(): Promise<string> {
  for (const { file, forbids, hint } of restrictions) {
    const value = await readFile(file, 'utf8').catch(() => '');
    if (forbids(value.trim())) return hint;
  }
  const username = userName();
  const uid = process.getuid?.();
  for (const file of ['/etc/subuid', '/etc/subgid']) {
    const ranges = (await readFile(file, 'utf8').catch(() => '')).split('\n').map((line) => line.split(':'));
    const widest = Math.max(
      0,
      ...ranges.filter(([name]) => name === username || name === String(uid)).map((range) => Number(range[2])),
    );
    if (widest < 65_536) {
      return `${username} has no range of 65536 ids in ${file}. As root: usermod --add-subuids 100000-165535 --add-subgids 100000-165535 ${username}`;
    }
  }
  return 'Run as root, or in a container that allows namespaces (--privileged).';
}

/** Runs a script as root of a namespace, made in the same way as for a build; resolves with the reason when it fails. */
async function trial(script: string, folder: string, signal: AbortSignal): Promise<string | undefined> {
  const userArgs = process.getuid?.() === 0 ? [] : ['--user', '--map-auto', '--map-root-user'];
  const argv = ['unshare', ...userArgs, '--mount', '--propagation', 'private', '--pid', '--fork', '--kill-child', '--mount-proc'];
  try {
    await exec([...argv, 'sh', '-euc', script, 'sh', folder], { signal, timeoutMs: 20_000 });
    return undefined;
  } catch (error) {
    if (!(error instanceof AppError) || error.code === 'CANCELLED') throw error;
    const lines = error.details['lastLines'];
    return Array.isArray(lines) && lines.length > 0 ? String(lines.at(-1)) : error.message;
  }
}

/** Mounts something, and owns a file as a user other than root. */
const ownWorldScript = `
mount -t tmpfs none /tmp
touch /tmp/file
chown 1:1 /tmp/file
`;

const overlayScript = `
cd "$1"
mkdir lower upper work merged
echo lower >lower/file
options=lowerdir=lower,upperdir=upper,workdir=work
grep -q ' 4294967295$' /proc/self/uid_map || options=$options,userxattr
mount -t overlay overlay -o "$options" merged
rm merged/file
echo upper >merged/new
test -f upper/new
`;

/** Makes namespaces as a build does, and in them the overlay that it works on, in the cache folder: proof, not guess. */
export async function inspectNamespaces(cacheDir: string, signal: AbortSignal): Promise<HostFact[]> {
  const isRoot = process.getuid?.() === 0;
  const namespaces = { id: 'namespaces', title: isRoot ? 'Namespaces' : 'User namespaces', neededFor: 'build' } as const;
  const overlay = { id: 'overlay', title: 'Overlay in a namespace', neededFor: 'build' } as const;
  const reason = await trial(ownWorldScript, '', signal);
  if (reason !== undefined) {
    return [{ ...namespaces, status: 'fail', found: `refused: ${reason}`, hint: await likelyHint() }];
  }
  const refusal = await overlayRefusal(cacheDir, signal);
  return [
    { ...namespaces, status: 'ok', found: isRoot ? 'proven, as root' : `proven, as ${userName()}` },
    refusal === undefined
      ? { ...overlay, status: 'ok', found: `proven in ${cacheDir}` }
      : {
          ...overlay,
          status: 'fail',
          found: `refused: ${refusal}`,
          hint: 'Put the cache on a local ext4, xfs or btrfs file system (GABARIT_CACHE); the kernel must be 5.11 or newer for ordinary users.',
        },
  ];
}

/** Why an overlay does not work in this folder, or undefined when it does. */
async function overlayRefusal(cacheDir: string, signal: AbortSignal): Promise<string | undefined> {
  let folder: string;
  try {
    await mkdir(cacheDir, { recursive: true });
    folder = await mkdtemp(join(cacheDir, 'doctor-'));
  } catch (error) {
    return `cannot write to ${cacheDir}: ${errnoOf(error) ?? String(error)}`;
  }
  try {
    return await trial(overlayScript, folder, signal);
  } finally {
    // The overlay's own work folder may belong to another user of the namespace.
    await rm(folder, { recursive: true, force: true }).catch(() => trial('rm -rf "$1"', folder, signal));
  }
}
