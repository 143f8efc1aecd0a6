import type { BlockSource } from '../model/format.ts';
import { AppError } from '../util/errors.ts';

/**
 * Reads ISO 9660 media (ECMA-119), with the long names of Rock Ridge (IEEE P1282) or Joliet. Nothing in them is trusted: every place
 * is checked against the end of the file, and nothing is followed twice.
 */

const sector = 2048;
const firstDescriptor = 16;
const maxDescriptors = 32;
const maxFolderSize = 4 * 2 ** 20;
const maxFileSize = 256 * 2 ** 20;

export interface IsoEntry {
  name: string;
  isFolder: boolean;
  /** Bytes from the start of the medium, and in length. */
  offset: number;
  size: number;
}

export interface Iso9660 {
  volumeId: string;
  /** Bytes that the file system says it has. */
  volumeSize: number;
  /** What El Torito says can start it. */
  firmware: ('bios' | 'uefi')[];
  /** What is in a folder; empty when it does not exist. */
  list(path: string): Promise<IsoEntry[]>;
  find(path: string): Promise<IsoEntry | undefined>;
  /** A file's bytes, at most `limit` of them. */
  readFile(path: string, limit?: number): Promise<Buffer | undefined>;
  readText(path: string): Promise<string | undefined>;
}

interface Volume {
  root: IsoEntry;
  joliet: boolean;
}

/** Whether it may be such a medium. */
export async function looksLikeIso9660(source: BlockSource): Promise<boolean> {
  if (source.size < (firstDescriptor + 1) * sector) return false;
  return (await source.read(firstDescriptor * sector + 1, 5)).toString('latin1') === 'CD001';
}

/** @throws AppError IMAGE_INVALID, as all that it returns */
export async function openIso9660(source: BlockSource): Promise<Iso9660> {
  const descriptors = await readDescriptors(source);
  const primary = descriptors.find((bytes) => bytes[0] === 1);
  if (!primary) throw invalid('it has no primary volume descriptor');
  const volumeSize = primary.readUInt32LE(80) * sector;
  if (primary.readUInt16LE(128) !== sector) throw invalid(`its blocks have ${primary.readUInt16LE(128)} bytes`);
  const root = rootOf(source, primary);
  const supplementary = descriptors.find((bytes) => bytes[0] === 2 && /^%\/[@CE]$/.test(bytes.toString('latin1', 88, 91)));
  // Rock Ridge tells the names as they are; Joliet comes next; the plain ones are in capitals.
  const volume: Volume =
    supplementary && !(await hasRockRidge(source, root))
      ? { root: rootOf(source, supplementary), joliet: true }
      : { root, joliet: false };
  const folders = new Map<number, Promise<IsoEntry[]>>();
  const list = (folder: IsoEntry): Promise<IsoEntry[]> => {
    const known = folders.get(folder.offset) ?? readFolder(source, folder, volume.joliet);
    folders.set(folder.offset, known);
    return known;
  };
  const find = async (path: string): Promise<IsoEntry | undefined> => {
    let entry: IsoEntry | undefined = volume.root;
    for (const part of path.split('/').filter((each) => each !== '')) {
      if (!entry?.isFolder) return undefined;
      const entries: IsoEntry[] = await list(entry);
      entry = entries.find(({ name }) => name === part) ?? entries.find(({ name }) => name.toLowerCase() === part.toLowerCase());
    }
    return entry;
  };
  const readFile = async (path: string, limit = maxFileSize): Promise<Buffer | undefined> => {
    const entry = await find(path);
    if (!entry || entry.isFolder) return undefined;
    if (entry.offset + entry.size > source.size) throw invalid(`${path} lies past the end of the file, which is cut off`);
    return source.read(entry.offset, Math.min(entry.size, limit));
  };
  return {
    volumeId: primary.toString('latin1', 40, 72).replaceAll(/[\0 ]+$/g, ''),
    volumeSize,
    firmware: await bootFirmware(source, descriptors),
    find,
    readFile,
    list: async (path) => {
      const entry = await find(path);
      return entry?.isFolder ? list(entry) : [];
    },
    readText: async (path) => (await readFile(path, 2 ** 20))?.toString('utf8'),
  };
}

function invalid(why: string): AppError {
  return new AppError('IMAGE_INVALID', `The ISO 9660 file system is damaged: ${why}`);
}

async function readDescriptors(source: BlockSource): Promise<Buffer[]> {
  const found: Buffer[] = [];
  for (let index = firstDescriptor; found.length < maxDescriptors && (index + 1) * sector <= source.size; index += 1) {
    const bytes = await source.read(index * sector, sector);
    if (bytes.toString('latin1', 1, 6) !== 'CD001' || bytes[0] === 255) break;
    found.push(bytes);
  }
  return found;
}

function rootOf(source: BlockSource, descriptor: Buffer): IsoEntry {
  const [root] = recordAt(descriptor, 156, false);
  if (!root?.isFolder || root.offset >= source.size) throw invalid('its root folder lies outside of it');
  return root;
}

async function readFolder(source: BlockSource, { offset, size }: IsoEntry, joliet: boolean): Promise<IsoEntry[]> {
  if (size > maxFolderSize || offset + size > source.size) throw invalid('a folder lies outside of it');
  const bytes = await source.read(offset, size);
  const entries: IsoEntry[] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = bytes[at] ?? 0;
    // Records do not cross sectors: the rest of one is zero.
    if (length === 0) {
      at = (Math.floor(at / sector) + 1) * sector;
      continue;
    }
    if (length < 34 || at + length > bytes.length) throw invalid('an entry of a folder is damaged');
    entries.push(...recordAt(bytes, at, joliet));
    at += length;
  }
  return entries;
}

/** The entry of a folder at a place; none for the folder itself and the one above. */
function recordAt(bytes: Buffer, at: number, joliet: boolean): IsoEntry[] {
  const nameLength = bytes[at + 32] ?? 0;
  const nameAt = at + 33;
  const isFolder = ((bytes[at + 25] ?? 0) & 2) !== 0;
  const place = { isFolder, offset: bytes.readUInt32LE(at + 2) * sector, size: bytes.readUInt32LE(at + 10) };
  if (
    at === 156 &&
    bytes[0] !== undefined &&
    nameLength === 1 &&
    bytes.length === sector &&
    bytes.toString('latin1', 1, 6) === 'CD001'
  )
    return [{ name: '', ...place }];
  if (nameLength === 0 || (nameLength === 1 && (bytes[nameAt] ?? 0) < 2)) return [];
  const raw = bytes.subarray(nameAt, nameAt + nameLength);
  if (joliet) return [{ name: plainName(swapped(raw).toString('utf16le')), ...place }];
  const systemUse = bytes.subarray(nameAt + nameLength + (nameLength % 2 === 0 ? 1 : 0), at + (bytes[at] ?? 0));
  return [{ name: rockRidgeName(systemUse) ?? plainName(raw.toString('latin1')), ...place }];
}

/** Without the version and the dot of a name that has no extension. */
function plainName(name: string): string {
  return name.replace(/;\d+$/, '').replace(/\.$/, '');
}

function swapped(bytes: Buffer): Buffer {
  const even = Buffer.from(bytes.subarray(0, bytes.length - (bytes.length % 2)));
  return even.swap16();
}

/** The name in the fields of a record that belong to the system, or undefined. Names that go on elsewhere are cut. */
function rockRidgeName(fields: Buffer): string | undefined {
  let name: string | undefined;
  for (let at = 0; at + 4 < fields.length; ) {
    const length = fields[at + 2] ?? 0;
    if (length < 4 || at + length > fields.length) break;
    if (fields.toString('latin1', at, at + 2) === 'NM' && length > 5)
      name = (name ?? '') + fields.toString('utf8', at + 5, at + length);
    at += length;
  }
  return name;
}

/** Rock Ridge announces itself in the first record of the root. */
async function hasRockRidge(source: BlockSource, root: IsoEntry): Promise<boolean> {
  if (root.offset + sector > source.size) return false;
  const record = await source.read(root.offset, sector);
  const fields = record.subarray(34, record[0] ?? 0);
  return fields.toString('latin1', 0, 2) === 'SP' || fields.includes('RRIP') || fields.includes('PX');
}

/** What the boot catalog of El Torito has entries for. */
async function bootFirmware(source: BlockSource, descriptors: Buffer[]): Promise<('bios' | 'uefi')[]> {
  const record = descriptors.find((bytes) => bytes[0] === 0 && bytes.toString('latin1', 7, 30) === 'EL TORITO SPECIFICATION');
  const at = (record?.readUInt32LE(71) ?? 0) * sector;
  if (at === 0 || at + sector > source.size) return [];
  const catalog = await source.read(at, sector);
  const found = new Set<'bios' | 'uefi'>();
  let platform = catalog[1] ?? 0;
  for (let entry = 32; entry < sector; entry += 32) {
    const kind = catalog[entry] ?? 0;
    if (kind === 0x90 || kind === 0x91) platform = catalog[entry + 1] ?? 0;
    else if (kind === 0x88) {
      if (platform === 0) found.add('bios');
      if (platform === 0xef) found.add('uefi');
    } else if (kind === 0) break;
  }
  return [...found];
}
