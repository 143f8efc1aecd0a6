import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { Rootfs } from '../model/check.ts';
import { AppError } from '../util/errors.ts';
import { exec } from '../util/exec.ts';
import { type RpmPackage, readRpmHeader } from './rpm-header.ts';

/** The packages of a system with rpm, from the bytes of its database: nothing of the image is run. */

export interface RpmDatabase {
  /** `/var/lib/rpm/rpmdb.sqlite` */
  file: string;
  packages: RpmPackage[];
  /** Why the packages could not be read; they are unknown then, not none. */
  unknown?: string;
  /** Whether files of packages are known too: not where rpm itself had to be asked. */
  hasFiles: boolean;
}

const folders = ['/usr/lib/sysimage/rpm', '/var/lib/rpm'];
const known = new WeakMap<Rootfs, Promise<RpmDatabase | undefined>>();

/** Undefined where there is no such database. Read once for each root file system. */
export function readRpmDatabase(rootfs: Rootfs): Promise<RpmDatabase | undefined> {
  const database = known.get(rootfs) ?? findDatabase(rootfs);
  known.set(rootfs, database);
  return database;
}

async function findDatabase(rootfs: Rootfs): Promise<RpmDatabase | undefined> {
  for (const folder of folders) {
    const sqlite = await rootfs.readFile(`${folder}/rpmdb.sqlite`);
    if (sqlite) return fromBlobs(`${folder}/rpmdb.sqlite`, () => blobsOfSqlite(rootfs, folder, sqlite));
    const ndb = await rootfs.readFile(`${folder}/Packages.db`);
    if (ndb) return fromBlobs(`${folder}/Packages.db`, () => Promise.resolve(blobsOfNdb(ndb)));
    const berkeley = await rootfs.readFile(`${folder}/Packages`);
    if (berkeley) return fromHostRpm(`${folder}/Packages`, berkeley);
  }
  return undefined;
}

async function fromBlobs(file: string, read: () => Promise<Buffer[]>): Promise<RpmDatabase> {
  try {
    const packages = (await read()).map(readRpmHeader).filter(({ name }) => name !== 'gpg-pubkey');
    return { file, packages: packages.toSorted((a, b) => (a.name < b.name ? -1 : 1)), hasFiles: true };
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return { file, packages: [], unknown: `${file} cannot be read: ${why}`, hasFiles: false };
  }
}

/** SQLite reads files of the host only: a copy is made, with the journal that lies beside it. */
async function blobsOfSqlite(rootfs: Rootfs, folder: string, database: Buffer): Promise<Buffer[]> {
  const copy = await mkdtemp(join(tmpdir(), 'gabarit-rpm-'));
  try {
    await writeFile(join(copy, 'rpmdb.sqlite'), database);
    const journal = await rootfs.readFile(`${folder}/rpmdb.sqlite-wal`);
    if (journal && journal.length > 0) await writeFile(join(copy, 'rpmdb.sqlite-wal'), journal);
    const opened = new DatabaseSync(join(copy, 'rpmdb.sqlite'));
    try {
      return opened
        .prepare('SELECT blob FROM Packages')
        .all()
        .map(({ blob }) => Buffer.from(blob as Uint8Array));
    } finally {
      opened.close();
    }
  } finally {
    await rm(copy, { recursive: true });
  }
}

const ndb = { magic: 0x506d7052, slot: 0x746f6c53, blob: 0x53626c42, page: 4096, slotSize: 16, block: 16 };

/** openSUSE's format (rpm's lib/backend/ndb/rpmpkg.c): pages of slots, each the place of a header; numbers are little-endian. */
export function blobsOfNdb(bytes: Buffer): Buffer[] {
  if (bytes.length < ndb.page || bytes.readUInt32LE(0) !== ndb.magic) throw new RangeError('it is not a database of packages');
  const end = Math.min(bytes.readUInt32LE(12) * ndb.page, bytes.length);
  const blobs: Buffer[] = [];
  // The head of the file takes the place of two slots.
  for (let at = 2 * ndb.slotSize; at + ndb.slotSize <= end; at += ndb.slotSize) {
    if (bytes.readUInt32LE(at) !== ndb.slot) throw new RangeError(`its slot at ${at} is damaged`);
    const [number, block] = [bytes.readUInt32LE(at + 4), bytes.readUInt32LE(at + 8)];
    if (number === 0 || block === 0) continue;
    const start = block * ndb.block;
    if (bytes.readUInt32LE(start) !== ndb.blob || bytes.readUInt32LE(start + 4) !== number)
      throw new RangeError(`the header of its package ${number} is damaged`);
    const length = bytes.readUInt32LE(start + 12);
    if (start + ndb.block + length > bytes.length) throw new RangeError(`the header of its package ${number} is cut off`);
    blobs.push(bytes.subarray(start + ndb.block, start + ndb.block + length));
  }
  return blobs;
}

/** Berkeley DB, up to the eighth Red Hat: only rpm itself reads it. */
async function fromHostRpm(file: string, database: Buffer): Promise<RpmDatabase> {
  const copy = await mkdtemp(join(tmpdir(), 'gabarit-rpm-'));
  try {
    await writeFile(join(copy, 'Packages'), database);
    const format = String.raw`%{NAME}\t%|EPOCH?{%{EPOCH}:}|%{VERSION}-%{RELEASE}\t%{ARCH}\n`;
    const options = ['--dbpath', copy, '--define', '_db_backend bdb_ro', '-qa', '--qf', format];
    const { stdout } = await exec(['rpm', ...options], { what: `rpm, to read ${file}`, timeoutMs: 60_000 });
    const lines = stdout.split('\n').filter((line) => line !== '' && !line.startsWith('gpg-pubkey\t'));
    if (lines.length === 0)
      return { file, packages: [], unknown: `${file}: rpm of this host finds no package in it`, hasFiles: false };
    const packages = lines.map((line): RpmPackage => {
      const [name = '', version = '', architecture = ''] = line.split('\t');
      return { name, version, architecture, files: [] };
    });
    return { file, packages: packages.toSorted((a, b) => (a.name < b.name ? -1 : 1)), hasFiles: false };
  } catch (error) {
    if (!(error instanceof AppError) || error.code === 'CANCELLED') throw error;
    const why = error.code === 'TOOL_MISSING' ? 'only rpm reads Berkeley databases, and it is not installed here' : error.message;
    return { file, packages: [], unknown: `${file}: ${why}`, hasFiles: false };
  } finally {
    await rm(copy, { recursive: true });
  }
}
