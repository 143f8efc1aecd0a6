import { createHash } from 'node:crypto';
import { lstat, mkdir, readdir, readFile, readlink, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { FileStat, Rootfs } from '../src/model/check.ts';
import { exec, type ExecResult } from '../src/util/exec.ts';

/** Real Debian trees for tests: made by mmdebstrap, entered with chroot in namespaces of their own, read like an image. */

export const releases = { '11': 'bullseye', '12': 'bookworm', '13': 'trixie' } as const;
export type ReleaseId = keyof typeof releases;

const packages =
  'init systemd-sysv dbus udev libpam-systemd cloud-init cloud-guest-utils openssh-server sudo netplan.io systemd-timesyncd tzdata ' +
  'qemu-guest-agent open-vm-tools xenstore-utils e2fsprogs ca-certificates iproute2 less procps apt kmod zstd';

/** Installs a release into a folder that does not exist yet. Takes about half a minute and the network. */
export async function buildTree(release: ReleaseId, tree: string): Promise<void> {
  const include = [
    ...packages.split(' '),
    ...(release === '11' ? [] : ['systemd-resolved']),
    ...(release === '12' ? ['usr-is-merged'] : []),
  ];
  const merged = '/usr/share/mmdebstrap/hooks/merged-usr/setup00.sh';
  await exec(
    [
      'mmdebstrap',
      '--quiet',
      '--variant=apt',
      `--setup-hook=${merged} "$1"`,
      '--aptopt=APT::Install-Recommends "false"',
      `--include=${include.join(',')}`,
      releases[release],
      tree,
    ],
    { what: `mmdebstrap ${releases[release]}`, timeoutMs: 600_000 },
  );
}

/** Removes a tree, and never what may be mounted in it. */
export async function removeTree(tree: string): Promise<void> {
  await exec(['rm', '-rf', '--one-file-system', '--', tree]);
}

/** What the engine gives a script: /proc, a small /dev, fresh /run and /tmp, no network, nothing left when it ends. */
const enter = `set -e
mount -t proc proc "$1/proc"
mount -t tmpfs -o mode=755 dev "$1/dev"
for node in null zero full random urandom tty; do : > "$1/dev/$node"; mount --bind "/dev/$node" "$1/dev/$node"; done
ln -s /proc/self/fd "$1/dev/fd"
mount -t tmpfs -o mode=755 run "$1/run"
mount -t tmpfs -o mode=1777 tmp "$1/tmp"
mkdir "$1/run/gabarit" "$1/run/lock"
mount --bind -o ro "$2" "$1/run/gabarit"
tree=$1; shift 2
exec chroot "$tree" "$@"`;

const provisionDir = join(import.meta.dirname, '../templates/provision');

export interface InsideOptions {
  env?: Record<string, string>;
  okExitCodes?: readonly number[];
}

/** Runs a command inside a tree; the provisioning scripts are in /run/gabarit. */
export async function inTree(tree: string, argv: string[], options: InsideOptions = {}): Promise<ExecResult> {
  const variables = Object.entries({ PATH: '/usr/sbin:/usr/bin:/sbin:/bin', HOME: '/root', LC_ALL: 'C.UTF-8', ...options.env });
  return exec(
    [
      ...'unshare --mount --net --pid --fork --kill-child --propagation private sh -c'.split(' '),
      enter,
      'sh',
      tree,
      provisionDir,
      'env',
      '-i',
      ...variables.map(([key, value]) => `${key}=${value}`),
      ...argv,
    ],
    { what: `${argv.join(' ')} in ${tree}`, ...(options.okExitCodes ? { okExitCodes: options.okExitCodes } : {}) },
  );
}

/** Runs one shipped step as the engine does. */
export async function runStep(
  tree: string,
  release: ReleaseId,
  step: string,
  env: Record<string, string> = {},
): Promise<ExecResult> {
  return inTree(tree, ['/bin/sh', `/run/gabarit/${step}.sh`], {
    env: {
      GABARIT_DISTRO: 'debian',
      GABARIT_RELEASE: release,
      GABARIT_CODENAME: releases[release],
      GABARIT_ARCH: 'amd64',
      GABARIT_PLATFORMS: 'kvm xen vmware',
      GABARIT_SET: 'standard',
      GABARIT_LOCALE: 'C.UTF-8',
      GABARIT_TIMEZONE: 'Etc/UTC',
      GABARIT_USER: 'debian',
      GABARIT_SUDO: 'nopasswd',
      GABARIT_SOURCES: guestSources(release),
      GABARIT_FILES: '/run/gabarit/files',
      SOURCE_DATE_EPOCH: '1750000000',
      ...env,
    },
  });
}

export function guestSources(release: ReleaseId): string {
  return `Types: deb
URIs: http://mirror.example/debian
Suites: ${releases[release]} ${releases[release]}-updates
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
`;
}

/** One line for each file: type, mode, owner, path, and where it points or what it holds. Times do not count. */
export async function listTree(tree: string): Promise<string[]> {
  const lines: string[] = [];
  for await (const { path, type, mode, uid, gid } of folderRootfs(tree).walk('/')) {
    const host = join(tree, path);
    let content = '';
    if (type === 'symlink') content = await readlink(host);
    if (type === 'file')
      content = createHash('sha256')
        .update(await readFile(host))
        .digest('hex');
    lines.push(`${type} ${mode.toString(8)} ${uid}:${gid} ${path} ${content}`);
  }
  return lines;
}

/** By the number in the upper bits of a mode. */
const fileTypes: Record<number, FileStat['type']> = {
  1: 'fifo',
  2: 'character',
  4: 'directory',
  6: 'block',
  8: 'file',
  10: 'symlink',
  12: 'socket',
};

/** A folder of the host as the root file system of an image. */
export function folderRootfs(root: string): Rootfs {
  /** The path on the host, with links in the middle followed inside the tree. */
  async function locate(path: string): Promise<string> {
    let parts = path.split('/').filter((part) => part !== '' && part !== '.');
    const done: string[] = [];
    for (let links = 0; parts.length > 1 && links < 40; ) {
      const part = parts.shift() as string;
      if (part === '..') {
        done.pop();
        continue;
      }
      const target = await readlink(join(root, ...done, part)).catch(() => undefined);
      if (target === undefined) done.push(part);
      else {
        links++;
        if (target.startsWith('/')) done.length = 0;
        parts = [...target.split('/').filter((name) => name !== '' && name !== '.'), ...parts];
      }
    }
    return join(root, ...done, ...parts);
  }
  const absent = (error: unknown): undefined => {
    if (
      error instanceof Error &&
      'code' in error &&
      ['ENOENT', 'ENOTDIR', 'EINVAL', 'EISDIR', 'ELOOP'].includes(String(error.code))
    )
      return undefined;
    throw error;
  };
  async function statAt(host: string, path: string): Promise<FileStat | undefined> {
    const found = await lstat(host).catch(absent);
    if (!found) return undefined;
    const { uid, gid, size, nlink, ino } = found;
    const type = fileTypes[(found.mode >> 12) & 0o17] ?? 'file';
    return {
      path,
      type,
      mode: found.mode & 0o7777,
      uid,
      gid,
      size,
      mtime: Math.floor(found.mtimeMs / 1000),
      links: nlink,
      inode: ino,
    };
  }
  async function* walkFrom(host: string, path: string): AsyncIterable<FileStat> {
    for (const name of ((await readdir(host).catch(absent)) ?? []).toSorted()) {
      const found = await statAt(join(host, name), `${path === '/' ? '' : path}/${name}`);
      if (!found) continue;
      yield found;
      if (found.type === 'directory') yield* walkFrom(join(host, name), found.path);
    }
  }
  const rootfs: Rootfs = {
    async stat(path) {
      return statAt(await locate(path), path);
    },
    async list(path) {
      return ((await readdir(await locate(path)).catch(absent)) ?? []).toSorted();
    },
    async readFile(path) {
      const host = await locate(path);
      const found = await lstat(host).catch(absent);
      return found?.isFile() ? readFile(host) : undefined;
    },
    async readText(path) {
      return (await rootfs.readFile(path))?.toString('utf8');
    },
    async readLink(path) {
      return readlink(await locate(path)).catch(absent);
    },
    async xattrs() {
      throw new Error('a folder on the host is read without its extended attributes');
    },
    async *walk(path) {
      yield* walkFrom(await locate(path), path);
    },
    async info() {
      throw new Error('a folder on the host is not a file system of its own');
    },
  };
  return rootfs;
}

/** Where trees are kept between runs of the tests, when the person who runs them wants that; else in `folder`. */
export async function pristineTree(release: ReleaseId, folder: string): Promise<string> {
  const kept = process.env['GABARIT_TEST_TREES'];
  const tree = join(kept ?? folder, `pristine-${release}`);
  const complete = `${tree}.complete`;
  if (kept !== undefined && (await lstat(complete).catch(() => undefined))) return tree;
  await rm(complete, { recursive: true, force: true });
  await removeTree(tree);
  await mkdir(kept ?? folder, { recursive: true });
  await buildTree(release, tree);
  if (kept !== undefined) await mkdir(complete);
  return tree;
}

/** Copies a tree, without what may be mounted in it. */
export async function copyTree(from: string, to: string): Promise<void> {
  await exec(['cp', '-a', '--reflink=auto', '--one-file-system', '--', from, to]);
}
