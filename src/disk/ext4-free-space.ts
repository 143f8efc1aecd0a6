import { type Ext4Blocks } from './ext4-blocks.ts';

/** A range of blocks. */
export interface BlockRange {
  first: number;
  count: number;
}

/** Yields the runs of free blocks, group by group. */
export async function* freeBlocks(fs: Ext4Blocks): AsyncGenerator<BlockRange> {
  const { layout } = fs;
  for (let group = 0; group < layout.groups.length; group += 1) {
    const first = layout.firstBlock + group * layout.blocksPerGroup;
    const count = Math.min(layout.blocksPerGroup, layout.blockCount - first);
    const used = await usedBits(fs, group, first, count);
    let start = -1;
    for (let bit = 0; bit <= count; bit += 1) {
      const isFree = bit < count && ((used[bit >>> 3] as number) & (1 << (bit & 7))) === 0;
      if (isFree && start === -1) start = bit;
      if (!isFree && start !== -1) {
        yield { first: first + start, count: bit - start };
        start = -1;
      }
    }
  }
}

/** A group's bitmap; one that was never written is made up from what lies in such a group. */
async function usedBits(fs: Ext4Blocks, group: number, first: number, count: number): Promise<Buffer> {
  const { layout } = fs;
  const descriptor = layout.groups[group];
  if (descriptor && !descriptor.blocksUninitialized) return fs.readMetadata(descriptor.blockBitmap, 0, Math.ceil(count / 8));
  const used = Buffer.alloc(Math.ceil(count / 8));
  const mark = (from: number, length: number): void => {
    for (let block = Math.max(from, first); block < Math.min(from + length, first + count); block += 1) {
      const bit = block - first;
      used[bit >>> 3] = (used[bit >>> 3] as number) | (1 << (bit & 7));
    }
  };
  if (hasSuperblock(group, layout.sparseSuper)) mark(first, 1 + layout.descriptorBlocks + layout.reservedDescriptorBlocks);
  const tableBlocks = Math.ceil((layout.inodesPerGroup * layout.inodeSize) / layout.blockSize);
  for (const { blockBitmap, inodeBitmap, inodeTable } of layout.groups) {
    mark(blockBitmap, 1);
    mark(inodeBitmap, 1);
    mark(inodeTable, tableBlocks);
  }
  return used;
}

/** Copies of the superblock are in group 0, 1 and the powers of 3, 5 and 7. */
function hasSuperblock(group: number, sparse: boolean): boolean {
  if (!sparse || group <= 1) return true;
  return [3, 5, 7].some((base) => {
    let power = base;
    while (power < group) power *= base;
    return power === group;
  });
}
