import type { FileHandle } from 'node:fs/promises';
import { describeText } from '../../util/describe-text.ts';
import { readUpTo } from '../shared/read-exactly.ts';
import { parseTarHeader, tarBlock, type TarEntry, tarPadded } from '../shared/tar.ts';
import { checksumFiles, type ChecksumKind } from './checksum.ts';
import { invalidXva } from './invalid.ts';
import { parseOvaXml, type XvaRecords } from './parse-ova-xml.ts';

/** Hosts write 1 MiB; a block is read into memory at once. */
const maxBlockSize = 16 * 2 ** 20;
const maxXmlSize = 16 * 2 ** 20;
/** Writers fill tar files up to some round size. */
const maxTail = 2 ** 20;

/** Where a disk's blocks lie; the same position in each list is the same block, in the order of the disk. */
export interface DiskIndex {
  id: string;
  /** Bytes. */
  size: number;
  /** Where in the disk. */
  offsets: number[];
  /** Where in the file. */
  positions: number[];
  lengths: number[];
  kinds: ChecksumKind[];
}

export interface XvaIndex {
  records: XvaRecords;
  /** In the order of `records.disks`. */
  disks: DiskIndex[];
}

/** A file that is being read, for messages too. */
interface Scanned {
  path: string;
  file: FileHandle;
  size: number;
}

/** Reads the description at the start. `next` is where the first block lies. @throws AppError IMAGE_INVALID */
export async function readRecords({ path, file, size }: Scanned): Promise<{ records: XvaRecords; next: number }> {
  const head = await readUpTo(file, 0, tarBlock);
  const first = parseTarHeader(head);
  if (first === 'end' || 'fault' in first || first.name !== 'ova.xml') {
    const text = describeText(head);
    throw invalidXva(path, text === undefined ? 'it does not begin with ova.xml' : `it is ${text}`);
  }
  if (first.size > maxXmlSize) throw invalidXva(path, `its ova.xml has ${first.size} bytes`);
  if (tarBlock + first.size > size) throw invalidXva(path, 'it is cut off inside its ova.xml');
  const records = parseOvaXml(path, await readUpTo(file, tarBlock, first.size));
  if (records.exportVersion < 1) throw invalidXva(path, 'it is of a format that is older than XenServer 4 (export_vsn 0)');
  return { records, next: tarBlock + tarPadded(first.size) };
}

/**
 * Finds all blocks by their headers; contents are not read. Checks what can be seen so: order, sizes, that each block has a checksum
 * and every disk its end. @throws AppError IMAGE_INVALID
 */
export async function scanXva(scanned: Scanned): Promise<XvaIndex> {
  const { path, file, size } = scanned;
  const { records, next } = await readRecords(scanned);
  const disks = records.disks.map(
    (disk): DiskState => ({ ...disk, offsets: [], positions: [], lengths: [], kinds: [], end: 0, last: -1 }),
  );
  const state: ScanState = { path, disks, current: undefined, firstLength: 0 };
  let position = next;
  let header = await readUpTo(file, position, tarBlock);
  for (;;) {
    const entry = header.length === 0 ? 'end' : parseTarHeader(header);
    if (entry === 'end') break;
    if ('fault' in entry) {
      if (header.length < tarBlock) throw invalidXva(path, `it is cut off at byte ${size}`);
      throw invalidXva(path, `the header at byte ${position} ${entry.fault}`);
    }
    const disk = diskOf(state, entry);
    const checksumAt = position + tarBlock + tarPadded(entry.size);
    // The checksum's header, the checksum, and the header of the next block.
    const following = await readUpTo(file, checksumAt, 3 * tarBlock);
    if (following.length < 2 * tarBlock) throw invalidXva(path, `it is cut off inside block ${entry.name}`);
    disk.offsets.push(placeBlock(state, disk, entry));
    disk.positions.push(position + tarBlock);
    disk.lengths.push(entry.size);
    disk.kinds.push(checksumKind(path, entry, parseTarHeader(following.subarray(0, tarBlock))));
    position = checksumAt + 2 * tarBlock;
    header = following.subarray(2 * tarBlock);
  }
  for (const { id, end, size: diskSize } of disks) {
    if (end < diskSize)
      throw invalidXva(path, `disk ${id} ends after ${end} of ${diskSize} bytes: the file is cut off or incomplete`);
  }
  await checkTail(scanned, position);
  return { records, disks };
}

interface DiskState extends DiskIndex {
  /** How far the disk has been filled, and the number of its last block. */
  end: number;
  last: number;
}

interface ScanState {
  path: string;
  disks: DiskState[];
  current: DiskState | undefined;
  /** Bytes of the first block of all: skipped ones count as so many. */
  firstLength: number;
}

/** The disk that a block is of. Disks come one after the other, in the order of their ids. */
function diskOf(state: ScanState, { name }: TarEntry): DiskState {
  const { path, current } = state;
  const folder = name.slice(0, Math.max(0, name.lastIndexOf('/')));
  const disk = state.disks.find(({ id }) => id === folder);
  if (!disk) throw invalidXva(path, `it holds "${name}", which is no block of a disk that its ova.xml names`);
  if (current && disk !== current) {
    if (current.end < current.size)
      throw invalidXva(path, `disk ${current.id} ends after ${current.end} of ${current.size} bytes`);
    if (disk.id < current.id) throw invalidXva(path, `its disks are not in order: ${disk.id} comes after ${current.id}`);
  }
  state.current = disk;
  return disk;
}

/** Where in the disk a block belongs. An empty block (hosts send them to keep a connection alive) counts as a block, but takes no room. */
function placeBlock(state: ScanState, disk: DiskState, { name, size }: TarEntry): number {
  const { path } = state;
  const suffix = name.slice(name.lastIndexOf('/') + 1);
  if (!/^\d{8,12}$/.test(suffix)) throw invalidXva(path, `"${name}" is not the name of a block`);
  const number = Number(suffix);
  if (number <= disk.last) throw invalidXva(path, `its blocks are not in order: ${name} comes after block ${disk.last}`);
  if (size > maxBlockSize) throw invalidXva(path, `block ${name} has ${size} bytes`);
  if (disk.last === -1 && number !== 0) throw invalidXva(path, `the first block of disk ${disk.id} is missing`);
  if (state.firstLength === 0) state.firstLength = size;
  const offset = disk.end + (number - disk.last - 1) * state.firstLength;
  if (offset + size > disk.size)
    throw invalidXva(path, `block ${name} lies past the end of its disk, which has ${disk.size} bytes`);
  disk.end = offset + size;
  disk.last = number;
  return offset;
}

function checksumKind(path: string, block: TarEntry, found: ReturnType<typeof parseTarHeader>): ChecksumKind {
  if (found !== 'end' && !('fault' in found)) {
    for (const kind of ['xxhash', 'sha1'] as const) {
      const { suffix, digits } = checksumFiles[kind];
      if (found.name === `${block.name}${suffix}` && found.size === digits) return kind;
    }
  }
  const what = found === 'end' ? 'the end' : 'fault' in found ? `a header that ${found.fault}` : `"${found.name}"`;
  throw invalidXva(path, `block ${block.name} is not followed by its checksum but by ${what}`);
}

/** Nothing but zeros may follow. */
async function checkTail({ path, file, size }: Scanned, position: number): Promise<void> {
  const tail = await readUpTo(file, position, Math.min(size - position, maxTail));
  if (size - position > maxTail || tail.some((byte) => byte !== 0))
    throw invalidXva(path, `there are ${size - position} bytes behind its end`);
}
