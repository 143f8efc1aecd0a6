import { availableParallelism } from 'node:os';
import type { BlockSource } from '../../model/format.ts';
import { inOrder } from '../shared/in-order.ts';

/** Disks go into an XVA in blocks of 1 MiB; a block that is all zeros is left out, except the first and the last. */
export const blockSize = 2 ** 20;

const zeros = Buffer.alloc(blockSize);
/** More at once would not be faster than one file can be read. */
const depth = Math.min(availableParallelism() * 2, 8);

export interface DiskBlock {
  index: number;
  bytes: Buffer;
}

/** A disk, and which of its blocks are looked at. */
export interface BlockList {
  source: BlockSource;
  /** Bytes, rounded up to whole blocks: hosts expect no shorter one. */
  size: number;
  indexes: readonly number[];
}

/** The blocks that may hold something, by what the source knows of itself; the first and the last always. The disk may be larger than the source. */
export async function candidateBlocks(source: BlockSource, size = source.size): Promise<BlockList> {
  const count = Math.max(1, Math.ceil(size / blockSize));
  const indexes = new Set([0, count - 1]);
  const ranges = (await source.dataIn?.(0, source.size)) ?? [{ offset: 0, length: source.size }];
  for (const { offset, length } of ranges) {
    for (let index = Math.floor(offset / blockSize); index * blockSize < offset + length; index += 1) indexes.add(index);
  }
  return { source, size: count * blockSize, indexes: [...indexes].toSorted((a, b) => a - b) };
}

/** Reads blocks in order, some ahead. The disk's last block is filled up with zeros. */
export function readBlocks({ source, indexes }: BlockList, signal: AbortSignal): AsyncGenerator<DiskBlock, void, undefined> {
  return inOrder(indexes, depth, async (index) => {
    signal.throwIfAborted();
    const offset = index * blockSize;
    const length = Math.max(0, Math.min(blockSize, source.size - offset));
    const bytes = length === 0 ? zeros : await source.read(offset, length);
    return { index, bytes: bytes.length === blockSize ? bytes : Buffer.concat([bytes, zeros.subarray(length)]) };
  });
}

export function isZero(bytes: Buffer): boolean {
  return bytes.equals(zeros.subarray(0, bytes.length));
}

/** Whether a block must be there though it is zero. */
export function mustStay(index: number, size: number): boolean {
  return index === 0 || (index + 1) * blockSize >= size;
}

/** The same list without the blocks that turn out to be zero. Reads all of them. */
export async function withoutZeros(list: BlockList, signal: AbortSignal): Promise<BlockList> {
  const indexes: number[] = [];
  for await (const { index, bytes } of readBlocks(list, signal)) {
    if (mustStay(index, list.size) || !isZero(bytes)) indexes.push(index);
  }
  return { ...list, indexes };
}
