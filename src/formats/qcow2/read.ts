import type { FileHandle } from 'node:fs/promises';
import type { BlockSource } from '../../model/format.ts';
import type { AppError } from '../../util/errors.ts';
import { checkRange } from '../shared/bounds.ts';
import { Lru } from '../shared/lru.ts';
import { openImage } from '../shared/open-image.ts';
import { readUpTo } from '../shared/read-exactly.ts';
import { decompressCluster } from './decompress.ts';
import { invalidImage, l2Entries, parseHeader, type Qcow2Header } from './header.ts';

/** Bytes that each of the two caches may hold. */
const cacheSize = 16 * 2 ** 20;
const compressedFlag = 1n << 62n;
const copiedFlag = 1n << 63n;
const offsetMask = 0x00ff_ffff_ffff_fe00n;

/** Reads the disk inside a qcow2 file, versions 2 and 3. Nothing in the file is trusted: every offset is checked against its end. */
class Qcow2Source implements BlockSource {
  readonly size: number;
  readonly #path: string;
  readonly #file: FileHandle;
  readonly #fileSize: number;
  readonly #header: Qcow2Header;
  readonly #clusterSize: number;
  readonly #l1: Buffer;
  readonly #l2Cache: Lru<Buffer>;
  readonly #clusterCache: Lru<Buffer>;

  constructor(path: string, file: FileHandle, fileSize: number, header: Qcow2Header, l1: Buffer) {
    this.#path = path;
    this.#file = file;
    this.#fileSize = fileSize;
    this.#header = header;
    this.#l1 = l1;
    this.size = header.size;
    this.#clusterSize = 2 ** header.clusterBits;
    this.#l2Cache = new Lru(cacheSize / this.#clusterSize);
    this.#clusterCache = new Lru(cacheSize / this.#clusterSize);
  }

  async read(offset: number, length: number): Promise<Buffer> {
    checkRange(this.#path, this.size, offset, length);
    const target = Buffer.alloc(length);
    for (let done = 0; done < length; ) {
      const position = offset + done;
      const start = position % this.#clusterSize;
      const count = Math.min(this.#clusterSize - start, length - done);
      await this.#readCluster(Math.floor(position / this.#clusterSize), start, target.subarray(done, done + count));
      done += count;
    }
    return target;
  }

  async dataIn(offset: number, length: number): Promise<{ offset: number; length: number }[]> {
    const found: { offset: number; length: number }[] = [];
    const end = offset + length;
    for (let cluster = Math.floor(offset / this.#clusterSize); cluster * this.#clusterSize < end; cluster += 1) {
      if ((await this.#l2Entry(cluster)) === 0n) continue;
      const from = Math.max(cluster * this.#clusterSize, offset);
      const to = Math.min((cluster + 1) * this.#clusterSize, end);
      const last = found.at(-1);
      if (last && last.offset + last.length === from) last.length = to - last.offset;
      else found.push({ offset: from, length: to - from });
    }
    return found;
  }

  async close(): Promise<void> {
    await this.#file.close();
  }

  /** Fills `target`, which is zero, with bytes of one cluster from `start` on. */
  async #readCluster(cluster: number, start: number, target: Buffer): Promise<void> {
    const entry = await this.#l2Entry(cluster);
    if ((entry & compressedFlag) !== 0n) {
      const bytes = await this.#compressedCluster(entry);
      bytes.copy(target, 0, start, start + target.length);
      return;
    }
    const { version } = this.#header;
    const zero = version === 3 && (entry & 1n) !== 0n;
    if ((entry & ~(copiedFlag | offsetMask | (version === 3 ? 1n : 0n))) !== 0n)
      throw this.#invalid('an unknown flag on a cluster');
    const host = Number(entry & offsetMask);
    if (host % this.#clusterSize !== 0) throw this.#invalid('a cluster that is not aligned');
    if (zero || host === 0) return;
    const bytes = await this.#readInFile(host + start, target.length, 'a cluster');
    bytes.copy(target);
  }

  async #l2Entry(cluster: number): Promise<bigint> {
    const perTable = l2Entries(this.#header.clusterBits);
    const entry = this.#l1.readBigUInt64BE(Math.floor(cluster / perTable) * 8);
    const offset = Number(entry & offsetMask);
    if ((entry & ~(copiedFlag | offsetMask)) !== 0n) throw this.#invalid('an unknown flag on a second-level table');
    if (offset % this.#clusterSize !== 0) throw this.#invalid('a second-level table that is not aligned');
    if (offset === 0) return 0n;
    let table = this.#l2Cache.get(offset);
    if (!table) {
      table = await this.#readInFile(offset, this.#clusterSize, 'a second-level table');
      this.#l2Cache.set(offset, table);
    }
    return table.readBigUInt64BE((cluster % perTable) * 8);
  }

  async #compressedCluster(entry: bigint): Promise<Buffer> {
    const sectorsShift = BigInt(62 - (this.#header.clusterBits - 8));
    const offset = Number(entry & ((1n << sectorsShift) - 1n));
    const sectors = Number((entry & (compressedFlag - 1n)) >> sectorsShift) + 1;
    // Two entries may share an offset only when they are the same cluster.
    const cached = this.#clusterCache.get(offset);
    if (cached) return cached;
    if ((entry & copiedFlag) !== 0n) throw this.#invalid('an unknown flag on a compressed cluster');
    // The file may end inside the last sector.
    const length = Math.min(sectors * 512 - (offset % 512), this.#fileSize - offset);
    const data = await this.#readInFile(offset, Math.max(length, 1), 'a compressed cluster');
    try {
      const cluster = decompressCluster(data, this.#header.compression, this.#clusterSize);
      this.#clusterCache.set(offset, cluster);
      return cluster;
    } catch (error) {
      throw this.#invalid(`a compressed cluster at ${offset} that does not decompress`, error);
    }
  }

  async #readInFile(offset: number, length: number, what: string): Promise<Buffer> {
    const inside = offset + length <= this.#fileSize;
    const bytes = inside ? await readUpTo(this.#file, offset, length) : Buffer.alloc(0);
    if (bytes.length < length) throw this.#invalid(`${what} that lies past the end of the file`);
    return bytes;
  }

  #invalid(what: string, cause?: unknown): AppError {
    return invalidImage(this.#path, `it has ${what}`, cause);
  }
}

/** Opens a qcow2 file for reading; never touches any other file. @throws AppError NOT_FOUND, IMAGE_INVALID */
export async function openQcow2(path: string): Promise<BlockSource> {
  const { file, size } = await openImage(path);
  try {
    const header = parseHeader(path, await readUpTo(file, 0, Math.min(size, 112)), size);
    const l1 = await readUpTo(file, header.l1Offset, header.l1Entries * 8);
    return new Qcow2Source(path, file, size, header, l1);
  } catch (error) {
    await file.close();
    throw error;
  }
}
