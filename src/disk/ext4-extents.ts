import { crc32c } from './crc32c.ts';
import type { Ext4Blocks } from './ext4-blocks.ts';
import type { Inode } from './ext4-inode.ts';
import { invalidFs } from './ext4-layout.ts';

const magic = 0xf30a;
const maxDepth = 5;
/** Extents of one file; a file of 1 GiB in single blocks has fewer. */
const maxExtents = 1 << 18;

/** A run of blocks of a file. */
export interface Extent {
  /** Its first block within the file, and on the disk. */
  logical: number;
  physical: number;
  count: number;
}

/** The blocks of a file in order; what is missing or was never written is a hole. @throws AppError IMAGE_INVALID */
export async function readExtents(fs: Ext4Blocks, inode: Inode): Promise<Extent[]> {
  if (inode.size === 0) return [];
  if (!inode.hasExtents) throw invalidFs(`inode ${inode.number} has no extents`);
  const found: Extent[] = [];
  const depth = inode.blocks.readUInt16LE(6);
  if (depth > maxDepth) throw invalidFs(`the extents of inode ${inode.number} lie too deep`);
  await collect(fs, inode, inode.blocks, depth, found);
  return found;
}

async function collect(fs: Ext4Blocks, inode: Inode, node: Buffer, depth: number, found: Extent[]): Promise<void> {
  const count = node.readUInt16LE(2);
  const damaged = (): Error => invalidFs(`the extents of inode ${inode.number} are damaged`);
  if (node.readUInt16LE(0) !== magic || node.readUInt16LE(6) !== depth || count > node.readUInt16LE(4)) throw damaged();
  if (12 + count * 12 > node.length) throw damaged();
  for (let index = 0; index < count; index += 1) {
    const at = 12 + index * 12;
    const logical = node.readUInt32LE(at);
    if (depth > 0) {
      const block = node.readUInt32LE(at + 4) + node.readUInt16LE(at + 8) * 2 ** 32;
      // Keeps a node that points at its likes from being read without end.
      const before = found.length;
      await collect(fs, inode, await readNode(fs, inode, block), depth - 1, found);
      if (found.length === before) throw damaged();
      continue;
    }
    const length = node.readUInt16LE(at + 4);
    const written = length <= 0x8000;
    const extent = {
      logical,
      physical: node.readUInt16LE(at + 6) * 2 ** 32 + node.readUInt32LE(at + 8),
      count: written ? length : length - 0x8000,
    };
    const last = found.at(-1);
    if (extent.count === 0 || (last && logical < last.logical + last.count) || found.length >= maxExtents) throw damaged();
    if (extent.physical <= fs.layout.firstBlock || extent.physical + extent.count > fs.layout.blockCount) throw damaged();
    found.push(written ? extent : { ...extent, physical: 0 });
  }
}

async function readNode(fs: Ext4Blocks, inode: Inode, block: number): Promise<Buffer> {
  const bytes = await fs.readMetadata(block, 0, fs.layout.blockSize);
  const end = 12 + bytes.readUInt16LE(4) * 12;
  if (inode.checksumSeed !== undefined) {
    if (end + 4 > bytes.length || crc32c(inode.checksumSeed, bytes.subarray(0, end)) !== bytes.readUInt32LE(end))
      throw invalidFs(`the extents of inode ${inode.number} have a wrong checksum`);
  }
  return bytes;
}

/** `size` bytes of a file from its start, holes as zeros. */
export async function readContent(fs: Ext4Blocks, inode: Inode, size: number): Promise<Buffer> {
  const { blockSize } = fs.layout;
  const extents = await readExtents(fs, inode);
  const [only] = extents;
  // Most files are one run of blocks, which is then not copied.
  if (extents.length === 1 && only?.logical === 0 && only.physical !== 0 && only.count * blockSize >= size)
    return (await fs.read(only.physical, Math.ceil(size / blockSize))).subarray(0, size);
  const content = Buffer.alloc(size);
  for (const { logical, physical, count } of extents) {
    const at = logical * blockSize;
    if (physical === 0 || at >= size) continue;
    const blocks = Math.min(count, Math.ceil((size - at) / blockSize));
    (await fs.read(physical, blocks)).copy(content, at);
  }
  return content;
}
