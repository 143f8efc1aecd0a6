import type { BlockSource } from '../../model/format.ts';
import { checkRange } from './bounds.ts';
import type { ImageBytes } from './image-bytes.ts';

/** How an image keeps its blocks: a table says for each whether there is one, and where. */
export interface BlockMap {
  /** Virtual size in bytes. */
  size: number;
  blockSize: number;
  /** Whether a block may have data, and for how many blocks from it on that is known to be the same. */
  runAt(block: number): Promise<{ hasData: boolean; blocks: number }>;
  /** Fills `target`, which is zero, with the bytes of one block from `start` on. */
  fill(block: number, start: number, target: Buffer): Promise<void>;
}

/** The disk inside an image, from its map. */
export function mappedSource(image: ImageBytes, map: BlockMap): BlockSource {
  const { size, blockSize } = map;
  return {
    size,
    async read(offset, length) {
      checkRange(image.path, size, offset, length);
      const target = Buffer.alloc(length);
      const filling: Promise<void>[] = [];
      for (let done = 0; done < length; ) {
        const start = (offset + done) % blockSize;
        const count = Math.min(blockSize - start, length - done);
        filling.push(map.fill(Math.floor((offset + done) / blockSize), start, target.subarray(done, done + count)));
        done += count;
      }
      await Promise.all(filling);
      return target;
    },
    async dataIn(offset, length) {
      checkRange(image.path, size, offset, length);
      const found: { offset: number; length: number }[] = [];
      const end = offset + length;
      for (let from = offset; from < end; ) {
        const block = Math.floor(from / blockSize);
        const { hasData, blocks } = await map.runAt(block);
        const to = Math.min((block + blocks) * blockSize, end);
        const last = found.at(-1);
        if (hasData && last && last.offset + last.length === from) last.length = to - last.offset;
        else if (hasData) found.push({ offset: from, length: to - from });
        from = to;
      }
      return found;
    },
    close: () => image.close(),
  };
}
