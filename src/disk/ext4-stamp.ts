import { type FileHandle, open } from 'node:fs/promises';
import { crc32c } from './crc32c.ts';

/**
 * Makes an unmounted ext4 file system independent of when and where it was written, directly in its metadata: all times are
 * clamped, its UUID is set, and what was deleted is wiped. Layout: the kernel's Documentation/filesystems/ext4.
 */

const superblockAt = 1024;
const incompat64bit = 0x80;
const roCompatChecksums = 0x400;
const incompatChecksumSeed = 0x2000;
const groupInodesUninitialized = 0x1;
const groupBlocksUninitialized = 0x2;
const groupInodesZeroed = 0x4;
const firstOrdinaryInode = 11;

export interface StampOptions {
  /** Bytes from the start of the file to the file system. */
  offset: number;
  /** Seconds since 1970: no time stamp will be later. */
  time: number;
  /** The UUID to give to the file system. The checksum seed stays, so that nothing else changes. */
  uuid?: string;
  /**
   * An earlier state of the same file system: blocks that it used and that are free now are filled with zeros. Copies of the superblock are
   * taken from it, since the file itself may hold nothing but what differs.
   */
  before?: string;
}

/** @throws RangeError when the file system is not 64bit, or has checksums that depend on its UUID: Gabarit's own never do. */
export async function stampExt4(path: string, options: StampOptions): Promise<void> {
  await using file = await open(path, 'r+');
  const fs = await readLayout(file, options.offset);
  for (let group = 0; group < fs.groups.length; group += 1) await stampGroup(file, fs, group, options);
  if (fs.checksums) await writeDescriptors(file, fs);
  await using before = options.before === undefined ? undefined : await open(options.before, 'r');
  if (before) await wipeFreed(file, before, fs, options.offset);
  if (options.uuid !== undefined) await writeUuid(file, before ?? file, fs, options.uuid);
}

interface Layout {
  offset: number;
  superblock: Buffer;
  blockSize: number;
  inodeSize: number;
  inodesPerGroup: number;
  blocksPerGroup: number;
  /** Whether metadata has checksums, and what they begin with. */
  checksums: boolean;
  seed: number;
  /** All group descriptors, one after the other, and where they lie. */
  descriptors: Buffer;
  descriptorsAt: number;
  descriptorSize: number;
  groups: Group[];
}

interface Group {
  flags: number;
  blockBitmap: number;
  inodeTable: number;
  /** Inodes at the end of the table that were never used. */
  unusedInodes: number;
}

async function read(file: FileHandle, at: number, length: number): Promise<Buffer> {
  const buffer = Buffer.alloc(length);
  await file.read(buffer, 0, length, at);
  return buffer;
}

async function readLayout(file: FileHandle, offset: number): Promise<Layout> {
  const superblock = await read(file, offset + superblockAt, 1024);
  const incompat = superblock.readUInt32LE(0x60);
  const checksums = (superblock.readUInt32LE(0x64) & roCompatChecksums) !== 0;
  if (
    superblock.readUInt16LE(0x38) !== 0xef53 ||
    !(incompat & incompat64bit) ||
    (checksums && !(incompat & incompatChecksumSeed))
  ) {
    throw new RangeError('Not an ext4 file system with 64bit and, where it has checksums, metadata_csum_seed');
  }
  const blockSize = 1024 << superblock.readUInt32LE(0x18);
  const descriptorSize = superblock.readUInt16LE(0xfe);
  const blocks = superblock.readUInt32LE(0x4) + superblock.readUInt32LE(0x150) * 2 ** 32;
  const blocksPerGroup = superblock.readUInt32LE(0x20);
  const count = Math.ceil((blocks - superblock.readUInt32LE(0x14)) / blocksPerGroup);
  const descriptorsAt = offset + (superblock.readUInt32LE(0x14) + 1) * blockSize;
  const descriptors = await read(file, descriptorsAt, count * descriptorSize);
  const wide = (at: number, low: number, high: number): number =>
    descriptors.readUInt32LE(at + low) + descriptors.readUInt32LE(at + high) * 2 ** 32;
  const groups = Array.from({ length: count }, (_, index): Group => {
    const at = index * descriptorSize;
    return {
      flags: descriptors.readUInt16LE(at + 0x12),
      blockBitmap: wide(at, 0x0, 0x20),
      inodeTable: wide(at, 0x8, 0x28),
      unusedInodes: descriptors.readUInt16LE(at + 0x1c) + descriptors.readUInt16LE(at + 0x32) * 65_536,
    };
  });
  return {
    offset,
    superblock,
    blockSize,
    inodeSize: superblock.readUInt16LE(0x58),
    inodesPerGroup: superblock.readUInt32LE(0x28),
    blocksPerGroup,
    checksums,
    seed: superblock.readUInt32LE(0x270),
    descriptors,
    descriptorsAt,
    descriptorSize,
    groups,
  };
}

/** Clamps the times of every inode of a group, and empties the deleted ones. */
async function stampGroup(file: FileHandle, fs: Layout, index: number, options: StampOptions): Promise<void> {
  const group = fs.groups[index];
  if (group === undefined || group.flags & groupInodesUninitialized) return;
  const used = fs.inodesPerGroup - group.unusedInodes;
  const at = fs.offset + group.inodeTable * fs.blockSize;
  const table = await read(file, at, used * fs.inodeSize);
  for (let slot = 0; slot < used; slot += 1) {
    const number = index * fs.inodesPerGroup + slot + 1;
    const inode = table.subarray(slot * fs.inodeSize, (slot + 1) * fs.inodeSize);
    const links = inode.readUInt16LE(0x1a);
    if (links === 0 && number >= firstOrdinaryInode) inode.fill(0);
    else if (inode.readUInt16LE(0x0) !== 0) stampInode(inode, number, fs, options.time);
  }
  await file.write(table, 0, table.length, at);
}

function stampInode(inode: Buffer, number: number, fs: Layout, time: number): void {
  const mtime = Math.min(inode.readUInt32LE(0x10), time);
  inode.writeUInt32LE(time, 0x8); // atime
  inode.writeUInt32LE(time, 0xc); // ctime
  inode.writeUInt32LE(mtime, 0x10);
  for (const extra of [0x84, 0x88, 0x8c, 0x94]) inode.writeUInt32LE(0, extra); // nanoseconds
  inode.writeUInt32LE(time, 0x90); // crtime
  if (!fs.checksums) return;
  inode.writeUInt16LE(0, 0x7c);
  inode.writeUInt16LE(0, 0x82);
  const key = Buffer.alloc(8);
  key.writeUInt32LE(number, 0);
  inode.copy(key, 4, 0x64, 0x68); // generation
  const sum = crc32c(crc32c(fs.seed, key), inode);
  inode.writeUInt16LE(sum & 0xffff, 0x7c);
  inode.writeUInt16LE(sum >>> 16, 0x82);
}

/**
 * Tells the kernel that all inode tables are zero where unused, which they are in a new sparse file: else it would write zeros over
 * all of them at the first mount.
 */
async function writeDescriptors(file: FileHandle, fs: Layout): Promise<void> {
  for (let index = 0; index < fs.groups.length; index += 1) {
    const descriptor = fs.descriptors.subarray(index * fs.descriptorSize, (index + 1) * fs.descriptorSize);
    descriptor.writeUInt16LE(descriptor.readUInt16LE(0x12) | groupInodesZeroed, 0x12);
    descriptor.writeUInt16LE(0, 0x1e);
    const number = Buffer.alloc(4);
    number.writeUInt32LE(index);
    descriptor.writeUInt16LE(crc32c(crc32c(fs.seed, number), descriptor) & 0xffff, 0x1e);
  }
  await file.write(fs.descriptors, 0, fs.descriptors.length, fs.descriptorsAt);
}

/** Fills blocks with zeros that were in use before and are not any more: deleted content must not stay in the image. */
async function wipeFreed(file: FileHandle, before: FileHandle, fs: Layout, offset: number): Promise<void> {
  const old = await readLayout(before, offset);
  const zeros = Buffer.alloc(fs.blockSize);
  for (let index = 0; index < fs.groups.length; index += 1) {
    const was = old.groups[index];
    const is = fs.groups[index];
    if (was === undefined || is === undefined || was.flags & groupBlocksUninitialized) continue;
    const usedBefore = await read(before, offset + was.blockBitmap * fs.blockSize, fs.blockSize);
    const usedNow = await read(file, offset + is.blockBitmap * fs.blockSize, fs.blockSize);
    if (usedBefore.equals(usedNow)) continue;
    for (let bit = 0; bit < fs.blocksPerGroup; bit += 1) {
      const mask = 1 << (bit & 7);
      if ((usedBefore[bit >> 3] as number) & mask && !((usedNow[bit >> 3] as number) & mask)) {
        await file.write(zeros, 0, zeros.length, offset + (index * fs.blocksPerGroup + bit) * fs.blockSize);
      }
    }
  }
}

/** Writes the UUID into the superblock and all its copies, each with its own checksum: fsck repairs what has another one. */
async function writeUuid(file: FileHandle, copies: FileHandle, fs: Layout, uuid: string): Promise<void> {
  const bytes = Buffer.from(uuid.replaceAll('-', ''), 'hex');
  for (let group = 0; group < fs.groups.length; group += 1) {
    if (group > 1 && ![3, 5, 7].some((base) => isPower(group, base))) continue;
    const at = fs.offset + (group === 0 ? superblockAt : group * fs.blocksPerGroup * fs.blockSize);
    const superblock = await read(group === 0 ? file : copies, at, 1024);
    if (superblock.readUInt16LE(0x38) !== 0xef53) throw new RangeError(`No superblock in block group ${group}`);
    bytes.copy(superblock, 0x68);
    if (fs.checksums) superblock.writeUInt32LE(crc32c(0xffffffff, superblock.subarray(0, 0x3fc)), 0x3fc);
    await file.write(superblock, 0, 1024, at);
  }
}

/** Copies of the superblock lie in groups 0, 1 and the powers of 3, 5 and 7 (sparse_super). */
function isPower(value: number, base: number): boolean {
  let power = base;
  while (power < value) power *= base;
  return power === value;
}
