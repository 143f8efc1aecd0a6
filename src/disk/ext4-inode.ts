import type { FileStat } from '../model/check.ts';
import { crc32c } from './crc32c.ts';
import type { Ext4Blocks } from './ext4-blocks.ts';
import { invalidFs, uint32 } from './ext4-layout.ts';

const types: Record<number, FileStat['type']> = {
  0x1: 'fifo',
  0x2: 'character',
  0x4: 'directory',
  0x6: 'block',
  0x8: 'file',
  0xa: 'symlink',
  0xc: 'socket',
};

export const rootInode = 2;

export interface Inode {
  number: number;
  type: FileStat['type'];
  mode: number;
  uid: number;
  gid: number;
  size: number;
  mtime: number;
  links: number;
  /** Whether `blocks` is the root of a tree of extents. */
  hasExtents: boolean;
  /** The 60 bytes of i_block: extents, or the target of a short link. */
  blocks: Buffer;
  /** The block with extended attributes, 0 when there is none. */
  attributeBlock: number;
  /** The space for extended attributes inside the inode. */
  attributes: Buffer;
  /** The start of the checksums of its extents and folders. */
  checksumSeed: number | undefined;
}

/** Reads an inode that a folder names: it must be in use. @throws AppError IMAGE_INVALID */
export async function readInode(fs: Ext4Blocks, number: number): Promise<Inode> {
  const { layout } = fs;
  if (number < 1 || number > layout.inodeCount) throw invalidFs(`there is no inode ${number}`);
  const group = layout.groups[Math.floor((number - 1) / layout.inodesPerGroup)];
  if (!group) throw invalidFs(`there is no inode ${number}`);
  const at = ((number - 1) % layout.inodesPerGroup) * layout.inodeSize;
  const bytes = await fs.readMetadata(
    group.inodeTable + Math.floor(at / layout.blockSize),
    at % layout.blockSize,
    layout.inodeSize,
  );
  const mode = bytes.readUInt16LE(0);
  const type = types[mode >>> 12];
  const links = bytes.readUInt16LE(0x1a);
  if (type === undefined || links === 0) throw invalidFs(`inode ${number} is in a folder, but not in use`);
  const size = bytes.readUInt32LE(4) + (type === 'file' || type === 'directory' ? bytes.readUInt32LE(0x6c) * 2 ** 32 : 0);
  if (!Number.isSafeInteger(size)) throw invalidFs(`inode ${number} has an impossible size`);
  const extra = layout.inodeSize > 128 ? bytes.readUInt16LE(0x80) : 0;
  if (extra > layout.inodeSize - 128 || extra % 4 !== 0) throw invalidFs(`inode ${number} has an impossible layout`);
  return {
    number,
    type,
    mode: mode & 0o7777,
    uid: bytes.readUInt16LE(2) + bytes.readUInt16LE(0x78) * 0x10000,
    gid: bytes.readUInt16LE(0x18) + bytes.readUInt16LE(0x7a) * 0x10000,
    size,
    // Two more bits in the extra field carry times past 2038.
    mtime: bytes.readInt32LE(0x10) + (extra >= 12 ? (bytes.readUInt32LE(0x88) & 3) * 2 ** 32 : 0),
    links,
    hasExtents: (bytes.readUInt32LE(0x20) & 0x80000) !== 0,
    blocks: bytes.subarray(0x28, 0x64),
    attributeBlock: bytes.readUInt32LE(0x68) + bytes.readUInt16LE(0x76) * 2 ** 32,
    attributes: extra === 0 ? bytes.subarray(0, 0) : bytes.subarray(128 + extra),
    checksumSeed: checkedSeed(layout.checksumSeed, number, bytes, extra),
  };
}

/** Verifies an inode's checksum, and gives the start of those of its blocks. */
function checkedSeed(fsSeed: number | undefined, number: number, bytes: Buffer, extra: number): number | undefined {
  if (fsSeed === undefined) return undefined;
  const seed = crc32c(crc32c(fsSeed, uint32(number)), bytes.subarray(0x64, 0x68));
  const checked = Buffer.from(bytes);
  checked.writeUInt16LE(0, 0x7c);
  const wide = extra >= 4;
  if (wide) checked.writeUInt16LE(0, 0x82);
  const found = bytes.readUInt16LE(0x7c) + (wide ? bytes.readUInt16LE(0x82) * 0x10000 : 0);
  const crc = crc32c(seed, checked);
  if ((wide ? crc : crc & 0xffff) !== found) throw invalidFs(`inode ${number} has a wrong checksum`);
  return seed;
}
