import type { BlockSource } from '../../model/format.ts';
import type { PackDisk } from '../../model/vm-stream.ts';
import { derivedUuid } from '../../util/digest.ts';
import { inOrder } from '../shared/in-order.ts';
import { encodeFooter } from './footer.ts';
import { encodeHeader, noBlock } from './header.ts';
import { bitmap, blockSize, refuseTooLarge, sizeUnit, tableOffset } from './write.ts';

const sectorSize = 512;
const zeros = Buffer.alloc(blockSize);
/** Blocks that are read ahead. */
const depth = 4;

/**
 * A disk as a dynamic VHD whose length is known before its first byte: everything lies in the order in which XAPI reads it, the blocks in
 * the order of the disk. All data is read once for that, to leave out what is zero.
 */
export const streamVhd: PackDisk = async (source, vm, { signal }) => {
  const virtualSize = Math.ceil(source.size / sizeUnit) * sizeUnit;
  refuseTooLarge(virtualSize);
  const blocks: number[] = [];
  for await (const { index, bytes } of readBlocks(source, await candidates(source), signal))
    if (!bytes.equals(zeros)) blocks.push(index);
  const uuid = Buffer.from(derivedUuid(`${vm.digest}\0${vm.name}\0${vm.version}`, 'vhd').replaceAll('-', ''), 'hex');
  const footer = encodeFooter({ type: 'dynamic', size: virtualSize, time: vm.time, uuid });
  const entries = Math.ceil(virtualSize / blockSize);
  const table = Buffer.alloc(Math.ceil((entries * 4) / sectorSize) * sectorSize, 0xff);
  for (let index = 0; index < entries; index += 1) table.writeUInt32BE(noBlock, index * 4);
  const start = tableOffset + table.length;
  const stored = bitmap.length + blockSize;
  for (const [at, index] of blocks.entries()) table.writeUInt32BE((start + at * stored) / sectorSize, index * 4);
  const head = Buffer.concat([footer, encodeHeader({ tableOffset, entries, blockSize }), table]);

  async function* chunks(streamSignal: AbortSignal): AsyncGenerator<Buffer, void, undefined> {
    yield head;
    for await (const { bytes } of readBlocks(source, blocks, streamSignal)) {
      yield bitmap;
      yield bytes;
    }
    yield footer;
  }
  return {
    length: head.length + blocks.length * stored + footer.length,
    mediaType: 'application/x-vhd',
    virtualSize,
    async *open(streamSignal, onProgress) {
      let made = 0;
      for await (const chunk of chunks(streamSignal)) {
        yield chunk;
        made += chunk.length;
        onProgress?.(made);
      }
    },
  };
};

/** The blocks that may hold something, by what the source knows of itself. */
async function candidates(source: BlockSource): Promise<number[]> {
  const ranges = (await source.dataIn?.(0, source.size)) ?? [{ offset: 0, length: source.size }];
  const indexes = new Set<number>();
  for (const { offset, length } of ranges)
    for (let index = Math.floor(offset / blockSize); index * blockSize < offset + length; index += 1) indexes.add(index);
  return [...indexes].toSorted((a, b) => a - b);
}

/** Reads whole blocks in order; the last one of the disk is filled up with zeros. */
function readBlocks(
  source: BlockSource,
  indexes: readonly number[],
  signal: AbortSignal,
): AsyncGenerator<{ index: number; bytes: Buffer }, void, undefined> {
  return inOrder(indexes, depth, async (index) => {
    signal.throwIfAborted();
    const offset = index * blockSize;
    const bytes = await source.read(offset, Math.min(blockSize, source.size - offset));
    return { index, bytes: bytes.length === blockSize ? bytes : Buffer.concat([bytes, zeros.subarray(bytes.length)]) };
  });
}
