import type { BlockSource } from '../model/format.ts';
import { type Ext4Layout, invalidFs } from './ext4-layout.ts';

const chunkSize = 64 * 1024;
/** 64 MiB: the inode tables and folders of an ordinary system. */
const maxChunks = 1024;

/** Reads blocks of one file system. Metadata comes in small pieces, and is kept for a while; data comes in long ones, and is not. */
export interface Ext4Blocks {
  layout: Ext4Layout;
  /** `count` blocks from `first` on. @throws AppError IMAGE_INVALID outside of the file system */
  read(first: number, count: number): Promise<Buffer>;
  /** The same, through the cache; `length` bytes inside one block. */
  readMetadata(block: number, start: number, length: number): Promise<Buffer>;
}

export function openBlocks(source: BlockSource, offset: number, layout: Ext4Layout): Ext4Blocks {
  const { blockSize, blockCount } = layout;
  const end = blockCount * blockSize;
  const chunks = new Map<number, Promise<Buffer>>();
  const inside = (first: number, count: number): void => {
    if (first < layout.firstBlock || first + count > blockCount) throw invalidFs(`there is no block ${first + count - 1}`);
  };
  const chunk = (index: number): Promise<Buffer> => {
    const known = chunks.get(index);
    if (known) return known;
    const at = index * chunkSize;
    const bytes = source.read(offset + at, Math.min(chunkSize, end - at));
    const oldest = chunks.keys().next().value;
    if (chunks.size >= maxChunks && oldest !== undefined) chunks.delete(oldest);
    chunks.set(index, bytes);
    return bytes;
  };
  return {
    layout,
    async read(first, count) {
      inside(first, count);
      return source.read(offset + first * blockSize, count * blockSize);
    },
    async readMetadata(block, start, length) {
      inside(block, 1);
      const at = block * blockSize + start;
      const bytes = await chunk(Math.floor(at / chunkSize));
      return bytes.subarray(at % chunkSize, (at % chunkSize) + length);
    },
  };
}
