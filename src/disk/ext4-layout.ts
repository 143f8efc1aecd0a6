import type { BlockSource } from '../model/format.ts';
import { AppError } from '../util/errors.ts';
import { crc32c } from './crc32c.ts';

/** Superblock and group descriptors of ext4, every number checked. Source: the kernel's Documentation/filesystems/ext4. */

const superblockAt = 1024;
const superblockSize = 1024;
const maxGroups = 1 << 20;

const incompat = {
  filetype: 0x2,
  recover: 0x4,
  extents: 0x40,
  wide: 0x80,
  flexBg: 0x200,
  checksumSeed: 0x2000,
  largeDir: 0x4000,
};
const readable = Object.values(incompat).reduce((all, bit) => all | bit);
const incompatNames: Record<number, string> = {
  0x1: 'compression',
  0x8: 'journal device',
  0x10: 'meta_bg',
  0x100: 'mmp',
  0x400: 'ea_inode',
  0x8000: 'inline_data',
  0x10000: 'encrypt',
  0x20000: 'casefold',
};
const roCompatSparseSuper = 0x1;
const roCompatMetadataChecksum = 0x400;

export interface Ext4Group {
  blockBitmap: number;
  inodeBitmap: number;
  inodeTable: number;
  /** No block of the group was ever written; its bitmap is not there. */
  blocksUninitialized: boolean;
}

export interface Ext4Layout {
  uuid: string;
  label: string;
  blockSize: number;
  /** Blocks of the whole file system, and the number of the first one (1 when blocks are 1 KiB). */
  blockCount: number;
  freeBlocks: number;
  firstBlock: number;
  blocksPerGroup: number;
  inodeCount: number;
  inodesPerGroup: number;
  inodeSize: number;
  /** The start of every metadata checksum; undefined when the file system has none. */
  checksumSeed: number | undefined;
  groups: Ext4Group[];
  /** Blocks of the descriptor table and of the room left for it to grow; they follow each copy of the superblock. */
  descriptorBlocks: number;
  reservedDescriptorBlocks: number;
  sparseSuper: boolean;
}

export function invalidFs(what: string): AppError {
  return new AppError('IMAGE_INVALID', `The root file system is damaged: ${what}`);
}

/** Whether ext4's magic number is at its place. */
export async function looksLikeExt4(source: BlockSource, offset: number, size: number): Promise<boolean> {
  if (size < superblockAt + superblockSize) return false;
  return (await source.read(offset + superblockAt, superblockSize)).readUInt16LE(0x38) === 0xef53;
}

/** Reads the layout of the file system at `offset`, which must fit in `size` bytes. @throws AppError IMAGE_INVALID */
export async function readExt4Layout(source: BlockSource, offset: number, size: number): Promise<Ext4Layout> {
  if (!(await looksLikeExt4(source, offset, size))) throw invalidFs('it is not an ext4 file system');
  const sb = await source.read(offset + superblockAt, superblockSize);
  const features = sb.readUInt32LE(0x60);
  const roFeatures = sb.readUInt32LE(0x64);
  const hasChecksums = (roFeatures & roCompatMetadataChecksum) !== 0;
  if (hasChecksums && crc32c(0xffffffff, sb.subarray(0, 0x3fc)) !== sb.readUInt32LE(0x3fc))
    throw invalidFs('the superblock has a wrong checksum');
  checkFeatures(features);
  const logBlockSize = sb.readUInt32LE(0x18);
  if (logBlockSize > 5) throw invalidFs(`its block size is 2^${logBlockSize + 10} bytes`);
  const blockSize = 1024 << logBlockSize;
  const wide = (features & incompat.wide) !== 0;
  const high = (at: number): number => (wide ? sb.readUInt32LE(at) * 2 ** 32 : 0);
  const inodeSize = sb.readUInt16LE(0x58);
  const descriptorSize = wide ? sb.readUInt16LE(0xfe) : 32;
  const uuid = sb.subarray(0x68, 0x78);
  const layout = {
    uuid: uuidText(uuid),
    label: sb.toString('utf8', 0x78, 0x88).replace(/\0.*$/s, ''),
    blockSize,
    blockCount: sb.readUInt32LE(0x4) + high(0x150),
    freeBlocks: sb.readUInt32LE(0xc) + high(0x158),
    firstBlock: sb.readUInt32LE(0x14),
    blocksPerGroup: sb.readUInt32LE(0x20),
    inodeCount: sb.readUInt32LE(0),
    inodesPerGroup: sb.readUInt32LE(0x28),
    inodeSize,
    checksumSeed: seedOf(hasChecksums, (features & incompat.checksumSeed) !== 0, sb.readUInt32LE(0x270), uuid),
    reservedDescriptorBlocks: sb.readUInt16LE(0xce),
    sparseSuper: (roFeatures & roCompatSparseSuper) !== 0,
  };
  const { blockCount, firstBlock, blocksPerGroup, inodesPerGroup } = layout;
  const wrong = (condition: boolean, what: string): void => {
    if (condition) throw invalidFs(what);
  };
  wrong(!Number.isSafeInteger(blockCount * blockSize) || blockCount * blockSize > size, 'it is larger than its partition');
  wrong(firstBlock !== (blockSize === 1024 ? 1 : 0) || firstBlock >= blockCount, 'its first block is out of range');
  wrong(blocksPerGroup === 0 || blocksPerGroup > 8 * blockSize, 'the size of its block groups is out of range');
  wrong(inodesPerGroup === 0 || inodesPerGroup > 8 * blockSize, 'the number of inodes per group is out of range');
  wrong(inodeSize < 128 || inodeSize > blockSize || (inodeSize & (inodeSize - 1)) !== 0, `its inodes have ${inodeSize} bytes`);
  wrong(layout.freeBlocks > blockCount, 'it counts more free blocks than blocks');
  wrong(
    descriptorSize < 32 || descriptorSize > blockSize || (wide && descriptorSize < 64),
    'its group descriptors have a wrong size',
  );
  const groupCount = Math.ceil((blockCount - firstBlock) / blocksPerGroup);
  wrong(
    groupCount > maxGroups || layout.inodeCount !== groupCount * inodesPerGroup,
    'the numbers of groups and inodes do not fit',
  );
  const descriptorsAt = (firstBlock + 1) * blockSize;
  wrong(descriptorsAt + groupCount * descriptorSize > blockCount * blockSize, 'its group descriptors lie past its end');
  const table = await source.read(offset + descriptorsAt, groupCount * descriptorSize);
  const groups = Array.from({ length: groupCount }, (_, group) =>
    readGroup(table.subarray(group * descriptorSize, (group + 1) * descriptorSize), group, layout),
  );
  return { ...layout, groups, descriptorBlocks: Math.ceil((groupCount * descriptorSize) / blockSize) };
}

function checkFeatures(features: number): void {
  if ((features & incompat.recover) !== 0) throw invalidFs('its journal was not replayed: it was not unmounted cleanly');
  if ((features & incompat.filetype) === 0) throw invalidFs('its folders do not hold file types');
  for (let bit = 1; bit > 0 && bit <= 0x20000; bit *= 2) {
    if ((features & bit) !== 0 && (readable & bit) === 0)
      throw invalidFs(`it has the unknown feature ${incompatNames[bit] ?? bit}`);
  }
  if (features >>> 18 !== 0) throw invalidFs('it has unknown features');
}

function seedOf(hasChecksums: boolean, hasSeed: boolean, seed: number, uuid: Buffer): number | undefined {
  if (!hasChecksums) return undefined;
  return hasSeed ? seed : crc32c(0xffffffff, uuid);
}

function readGroup(bytes: Buffer, group: number, layout: Omit<Ext4Layout, 'groups' | 'descriptorBlocks'>): Ext4Group {
  if (layout.checksumSeed !== undefined) {
    const checked = Buffer.from(bytes);
    checked.writeUInt16LE(0, 0x1e);
    const crc = crc32c(crc32c(layout.checksumSeed, uint32(group)), checked) & 0xffff;
    if (crc !== bytes.readUInt16LE(0x1e)) throw invalidFs(`the descriptor of block group ${group} has a wrong checksum`);
  }
  const number = (low: number, high: number): number =>
    bytes.readUInt32LE(low) + (bytes.length >= 64 ? bytes.readUInt32LE(high) * 2 ** 32 : 0);
  const inodeTable = number(0x8, 0x28);
  const blockBitmap = number(0x0, 0x20);
  const inodeBitmap = number(0x4, 0x24);
  const tableBlocks = Math.ceil((layout.inodesPerGroup * layout.inodeSize) / layout.blockSize);
  for (const [first, count] of [
    [inodeTable, tableBlocks],
    [blockBitmap, 1],
    [inodeBitmap, 1],
  ] as const) {
    if (first <= layout.firstBlock || first + count > layout.blockCount)
      throw invalidFs(`block group ${group} has its tables outside the file system`);
  }
  return { blockBitmap, inodeBitmap, inodeTable, blocksUninitialized: (bytes.readUInt16LE(0x12) & 0x2) !== 0 };
}

/** A number as the four bytes that checksums are fed with. */
export function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

function uuidText(bytes: Buffer): string {
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
