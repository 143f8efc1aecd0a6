import { createHash } from 'node:crypto';
import { type RpmDatabase, readRpmDatabase } from '../../disk/rpm-database.ts';
import type { Rootfs } from '../../model/check.ts';
import { allFiles } from './all-files.ts';

/** Installed packages as the database of dpkg or rpm knows them. */

const database = '/var/lib/dpkg';
/** By the number of hexadecimal digits. */
const algorithms: Record<number, string> = { 32: 'md5', 40: 'sha1', 64: 'sha256', 96: 'sha384', 128: 'sha512' };
/** Files that are read and hashed at the same time. */
const parallel = 8;

export interface InstalledPackage {
  name: string;
  version: string;
  architecture: string;
  /** The field Status: `install ok installed`. */
  status: string;
  /** Other fields by name, with their lines. */
  fields: Map<string, string>;
  /** MD5 digests of its configuration files, by path. */
  conffiles: Map<string, string>;
}

const packagesBy = new WeakMap<Rootfs, Promise<InstalledPackage[]>>();

export function installedPackages(rootfs: Rootfs): Promise<InstalledPackage[]> {
  const known = packagesBy.get(rootfs) ?? readInstalled(rootfs);
  packagesBy.set(rootfs, known);
  return known;
}

async function readInstalled(rootfs: Rootfs): Promise<InstalledPackage[]> {
  const rpm = await readRpmDatabase(rootfs);
  return rpm ? rpmPackages(rpm) : readStatus(rootfs);
}

/** What rpm has in its database is installed: it knows no other state. */
function rpmPackages({ packages }: RpmDatabase): InstalledPackage[] {
  return packages.map(({ name, version, architecture }) => ({
    name,
    version,
    architecture,
    status: 'install ok installed',
    fields: new Map(),
    conffiles: new Map(),
  }));
}

async function readStatus(rootfs: Rootfs): Promise<InstalledPackage[]> {
  const text = (await rootfs.readText(`${database}/status`)) ?? '';
  return text
    .split(/\n\n+/)
    .filter((stanza) => stanza.trim() !== '')
    .map((stanza) => {
      const fields = new Map<string, string>();
      for (const field of stanza.split(/\n(?! )/)) {
        const colon = field.indexOf(':');
        fields.set(field.slice(0, colon), field.slice(colon + 1).trim());
      }
      const conffiles = (fields.get('Conffiles') ?? '').split('\n').map((line) => line.trim().split(' '));
      return {
        name: fields.get('Package') ?? '',
        version: fields.get('Version') ?? '',
        architecture: fields.get('Architecture') ?? '',
        status: fields.get('Status') ?? '',
        fields,
        // A third word says that the file is of an older version.
        conffiles: new Map(
          conffiles.flatMap(([path, md5, obsolete]) => (path && md5 && !obsolete ? [[path, md5] as const] : [])),
        ),
      };
    });
}

/** The name that dpkg's files of a package begin with: some carry the architecture. */
export async function databaseName(rootfs: Rootfs, { name, architecture }: InstalledPackage): Promise<string | undefined> {
  for (const stem of [name, `${name}:${architecture}`]) if (await rootfs.stat(`${database}/info/${stem}.list`)) return stem;
  return undefined;
}

export interface PackageFiles {
  /** Every path that a package brought, as the file is called in the image. */
  owned: Set<string>;
  /** Digests of files that packages brought, other than configuration: MD5 by dpkg, what its builder chose by rpm. */
  digests: Map<string, { digest: string; name: string }>;
  conffiles: Map<string, { digest: string; name: string }>;
}

const filesBy = new WeakMap<Rootfs, Promise<PackageFiles>>();

export function packageFiles(rootfs: Rootfs): Promise<PackageFiles> {
  const known = filesBy.get(rootfs) ?? readFiles(rootfs);
  filesBy.set(rootfs, known);
  return known;
}

async function readFiles(rootfs: Rootfs): Promise<PackageFiles> {
  const rpm = await readRpmDatabase(rootfs);
  if (!rpm) return readPackageFiles(rootfs);
  const files: PackageFiles = { owned: new Set(), digests: new Map(), conffiles: new Map() };
  for (const { name, files: owned } of rpm.packages) {
    for (const { path, digest, config, ghost } of owned) {
      files.owned.add(path);
      if (digest !== '' && !ghost) (config ? files.conffiles : files.digests).set(path, { digest, name });
    }
  }
  return files;
}

async function readPackageFiles(rootfs: Rootfs): Promise<PackageFiles> {
  const files: PackageFiles = { owned: new Set(), digests: new Map(), conffiles: new Map() };
  const links = new Set(
    (await allFiles(rootfs)).filter(({ type, path }) => type === 'symlink' && /^\/[^/]+$/.test(path)).map(({ path }) => path),
  );
  const diverted = await readDiversions(rootfs);
  const placeOf = (path: string, name: string): string => {
    const diversion = diverted.get(path);
    const place = diversion && diversion.by !== name ? diversion.to : path;
    // Packages of before the merge say /bin/sh for /usr/bin/sh.
    return links.has(`/${place.split('/')[1]}`) ? `/usr${place}` : place;
  };
  for (const item of await installedPackages(rootfs)) {
    const { name } = item;
    const stem = await databaseName(rootfs, item);
    if (stem === undefined) continue;
    for (const path of ((await rootfs.readText(`${database}/info/${stem}.list`)) ?? '').split('\n'))
      if (path !== '') files.owned.add(placeOf(path, name));
    for (const line of ((await rootfs.readText(`${database}/info/${stem}.md5sums`)) ?? '').split('\n')) {
      const [, md5, path] = /^([0-9a-f]{32}) [ *](.+)$/.exec(line) ?? [];
      if (md5 && path) files.digests.set(placeOf(`/${path}`, name), { digest: md5, name });
    }
    for (const [path, md5] of item.conffiles) {
      files.conffiles.set(placeOf(path, name), { digest: md5, name });
      files.digests.delete(placeOf(path, name));
    }
  }
  return files;
}

/** dpkg-divert's list: three lines each, from, to, and by whom (`:` for the administrator). */
async function readDiversions(rootfs: Rootfs): Promise<Map<string, { to: string; by: string }>> {
  const lines = ((await rootfs.readText(`${database}/diversions`)) ?? '').split('\n');
  const found = new Map<string, { to: string; by: string }>();
  for (let at = 0; at + 2 < lines.length; at += 3)
    found.set(lines[at] as string, { to: lines[at + 1] as string, by: lines[at + 2] as string });
  return found;
}

export interface ChangedFiles {
  /** Files of packages with other content than the package's, and those that are missing. */
  changed: { path: string; name: string }[];
  missing: { path: string; name: string }[];
  /** Configuration files that were edited. */
  edited: string[];
}

const changesBy = new WeakMap<Rootfs, Promise<ChangedFiles>>();

/**
 * Compares the files of all packages with their digests; the work is done once. `quick` reads only those that were written by the
 * build itself, which have a time of their own, the youngest; a file that was changed and given its old time is found by the full way.
 */
export function changedFiles(rootfs: Rootfs, quick = false): Promise<ChangedFiles> {
  const known = changesBy.get(rootfs) ?? compareFiles(rootfs, quick);
  changesBy.set(rootfs, known);
  return known;
}

async function compareFiles(rootfs: Rootfs, quick: boolean): Promise<ChangedFiles> {
  const { digests, conffiles } = await packageFiles(rootfs);
  const files = await allFiles(rootfs);
  const youngest = files.reduce((latest, { mtime }) => Math.max(latest, mtime), 0);
  const isRead = ({ mtime }: { mtime: number }): boolean => !quick || mtime === youngest;
  const byPath = new Map(files.map((file) => [file.path, file]));
  const result: ChangedFiles = { changed: [], missing: [], edited: [] };
  const queue: { path: string; inode: number; digest: string; differs: () => void }[] = [];
  for (const [path, { digest, name }] of digests) {
    // A package may name a file through a folder that is a link now.
    const file = byPath.get(path) ?? (await rootfs.stat(path));
    if (!file) result.missing.push({ path, name });
    else if (file.type !== 'file') result.changed.push({ path, name });
    else if (isRead(file)) queue.push({ path, inode: file.inode, digest, differs: () => result.changed.push({ path, name }) });
  }
  for (const [path, { digest }] of conffiles) {
    const file = byPath.get(path);
    if (file?.type === 'file' && isRead(file))
      queue.push({ path, inode: file.inode, digest, differs: () => result.edited.push(path) });
  }
  // In the order in which they lie on the disk, the last first because the queue is emptied from its end.
  queue.sort((a, b) => b.inode - a.inode);
  const worker = async (): Promise<void> => {
    for (let next = queue.pop(); next; next = queue.pop()) {
      const bytes = (await rootfs.readFile(next.path)) ?? Buffer.alloc(0);
      const found = createHash(algorithms[next.digest.length] ?? 'sha256')
        .update(bytes)
        .digest('hex');
      if (found !== next.digest) next.differs();
    }
  };
  await Promise.all(Array.from({ length: parallel }, worker));
  return result;
}
