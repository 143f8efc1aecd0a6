import type { FileHandle } from 'node:fs/promises';
import type { BlockSource, OpenOptions } from '../../model/format.ts';
import { checkRange } from '../shared/bounds.ts';
import { Lru } from '../shared/lru.ts';
import { readUpTo } from '../shared/read-exactly.ts';
import { tarBlock, tarPadded } from '../shared/tar.ts';
import { checksumFiles, type Checksums, openChecksums } from './checksum.ts';
import { invalidXva } from './invalid.ts';
import { type DiskIndex, scanXva } from './scan.ts';
import { openUnpacked } from './spool.ts';

/** Blocks that are kept: 16 MiB. */
const maxBlocks = 16;

/** Reads one block of a disk, and its checksum, which must be right. @throws AppError IMAGE_INVALID */
export async function readBlock(
  path: string,
  file: FileHandle,
  disk: DiskIndex,
  index: number,
  checksums: Checksums,
): Promise<Buffer> {
  const [length = 0, position = 0, kind = 'xxhash'] = [disk.lengths[index], disk.positions[index], disk.kinds[index]];
  const { digits } = checksumFiles[kind];
  const checksumAt = tarPadded(length) + tarBlock;
  const bytes = await readUpTo(file, position, checksumAt + digits);
  if (bytes.length < checksumAt + digits) throw invalidXva(path, 'it became shorter while it was read');
  const block = bytes.subarray(0, length);
  const expected = bytes.toString('latin1', checksumAt).toUpperCase();
  const found = checksums(kind, block).toUpperCase();
  if (found !== expected) {
    const what = `block ${index} of disk ${disk.id} (at byte ${position})`;
    throw invalidXva(path, `${what} is damaged: its ${checksumFiles[kind].title} is ${found}, not ${expected}`);
  }
  return block;
}

class XvaSource implements BlockSource {
  readonly size: number;
  readonly #path: string;
  readonly #file: FileHandle;
  readonly #disk: DiskIndex;
  readonly #checksums: Checksums;
  readonly #cache = new Lru<Promise<Buffer>>(maxBlocks);

  constructor(path: string, file: FileHandle, disk: DiskIndex, checksums: Checksums) {
    this.size = disk.size;
    this.#path = path;
    this.#file = file;
    this.#disk = disk;
    this.#checksums = checksums;
  }

  async read(offset: number, length: number): Promise<Buffer> {
    checkRange(this.#path, this.size, offset, length);
    const end = offset + length;
    let target: Buffer | undefined;
    for (const index of this.#blocksIn(offset, end)) {
      const start = this.#disk.offsets[index] ?? 0;
      const block = await this.#block(index);
      // Whole blocks are handed on as they are.
      if (start === offset && block.length === length) return block;
      target ??= Buffer.alloc(length);
      const from = Math.max(start, offset);
      block.copy(target, from - offset, from - start, Math.min(start + block.length, end) - start);
    }
    return target ?? Buffer.alloc(length);
  }

  dataIn(offset: number, length: number): Promise<{ offset: number; length: number }[]> {
    const found: { offset: number; length: number }[] = [];
    for (const index of this.#blocksIn(offset, offset + length)) {
      const start = this.#disk.offsets[index] ?? 0;
      const from = Math.max(start, offset);
      const to = Math.min(start + (this.#disk.lengths[index] ?? 0), offset + length);
      const last = found.at(-1);
      if (last && last.offset + last.length === from) last.length += to - from;
      else found.push({ offset: from, length: to - from });
    }
    return Promise.resolve(found);
  }

  close(): Promise<void> {
    return this.#file.close();
  }

  /** The numbers of blocks that share bytes with a range. */
  *#blocksIn(start: number, end: number): Generator<number, void, undefined> {
    const { offsets, lengths } = this.#disk;
    let [low, high] = [0, offsets.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((offsets[middle] ?? 0) + (lengths[middle] ?? 0) <= start) low = middle + 1;
      else high = middle;
    }
    for (let index = low; index < offsets.length && (offsets[index] ?? 0) < end; index += 1) {
      if ((lengths[index] ?? 0) > 0) yield index;
    }
  }

  #block(index: number): Promise<Buffer> {
    const cached = this.#cache.get(index);
    if (cached) return cached;
    const block = readBlock(this.#path, this.#file, this.#disk, index, this.#checksums);
    block.catch(() => undefined);
    this.#cache.set(index, block);
    return block;
  }
}

/** Opens a disk of an XVA for reading. Every block that is read is checked. @throws AppError NOT_FOUND, IMAGE_INVALID, DISK_FULL */
export async function openXva(path: string, { spoolDir, disk = 0 }: OpenOptions = {}): Promise<BlockSource> {
  const { file, size } = await openUnpacked(path, spoolDir);
  try {
    const { disks } = await scanXva({ path, file, size });
    const index = disks[disk];
    if (!index) throw invalidXva(path, disks.length === 0 ? 'it has no disk' : `it has no disk ${disk}, only ${disks.length}`);
    return new XvaSource(path, file, index, await openChecksums());
  } catch (error) {
    await file.close();
    throw error;
  }
}
