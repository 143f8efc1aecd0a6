import type { BlockSource } from '../model/format.ts';
import type { Ext4Rootfs } from './ext4-rootfs.ts';
import { type Partition, readPartitions } from './gpt.ts';

const pieceSize = 2 ** 20;
const zeros = Buffer.alloc(pieceSize);
/** The partition table at the start of a disk and its copy at the end: 34 and 33 sectors. */
const tableSize = { start: 34 * 512, end: 33 * 512 };

/**
 * Where data lies that belongs to nobody: in blocks of the root file system that no file uses, and between partitions.
 * Deleted files would still be readable there. One sentence a place.
 */
export async function freeSpaceLeaks(
  source: BlockSource,
  root: Partition,
  rootfs: Ext4Rootfs,
  signal: AbortSignal,
): Promise<string[]> {
  const leaks: string[] = [];
  let dirty = 0;
  let first = -1;
  for await (const range of rootfs.freeBlocks()) {
    const start = root.offset + range.first * rootfs.blockSize;
    for await (const { offset, bytes } of dataIn(source, start, range.count * rootfs.blockSize, signal)) {
      for (let at = 0; at < bytes.length; at += rootfs.blockSize) {
        if (isZero(bytes.subarray(at, at + rootfs.blockSize))) continue;
        dirty += 1;
        if (first === -1) first = Math.floor((offset + at - root.offset) / rootfs.blockSize);
      }
    }
  }
  if (dirty > 0) leaks.push(`${dirty} free blocks of the root file system hold data, the first of them block ${first}`);
  for (const gap of gapsOf(await readPartitions(source), source.size)) {
    for await (const { offset, bytes } of dataIn(source, gap.offset, gap.size, signal)) {
      const inside = bytes.findIndex((byte) => byte !== 0);
      leaks.push(`there is data outside of all partitions, at byte ${offset + inside} of the disk`);
      break;
    }
  }
  return leaks;
}

/** The pieces of a range that are not all zero. */
async function* dataIn(
  source: BlockSource,
  start: number,
  size: number,
  signal: AbortSignal,
): AsyncGenerator<{ offset: number; bytes: Buffer }> {
  for (const range of (await source.dataIn?.(start, size)) ?? [{ offset: start, length: size }]) {
    for (let done = 0; done < range.length; done += pieceSize) {
      signal.throwIfAborted();
      const offset = range.offset + done;
      const bytes = await source.read(offset, Math.min(pieceSize, range.length - done));
      if (!isZero(bytes)) yield { offset, bytes };
    }
  }
}

function isZero(bytes: Buffer): boolean {
  return bytes.equals(zeros.subarray(0, bytes.length));
}

function gapsOf(partitions: Partition[], diskSize: number): { offset: number; size: number }[] {
  const gaps = [];
  let at = tableSize.start;
  for (const { offset, size } of partitions.toSorted((a, b) => a.offset - b.offset)) {
    if (offset > at) gaps.push({ offset: at, size: offset - at });
    at = offset + size;
  }
  const end = Math.floor(diskSize / 512) * 512 - tableSize.end;
  if (end > at) gaps.push({ offset: at, size: end - at });
  return gaps;
}
