import type { BlockSource } from '../../model/format.ts';
import type { AppError } from '../../util/errors.ts';
import type { ImageBytes } from '../shared/image-bytes.ts';
import { Lru } from '../shared/lru.ts';
import { type BlockMap, mappedSource } from '../shared/mapped-source.ts';
import { decompressCluster } from './decompress.ts';
import { headerLength, l2Entries, parseHeader, type Qcow2Header } from './header.ts';

/** Bytes that each of the two caches may hold. */
const cacheSize = 16 * 2 ** 20;
const compressedFlag = 1n << 62n;
const copiedFlag = 1n << 63n;
const offsetMask = 0x00ff_ffff_ffff_fe00n;

/** The clusters of a qcow2 file, versions 2 and 3. Nothing in the file is trusted: every offset is checked against its end. */
class Clusters implements BlockMap {
  readonly size: number;
  readonly blockSize: number;
  readonly #image: ImageBytes;
  readonly #header: Qcow2Header;
  readonly #l1: Buffer;
  /** Clusters of one read are filled at once: the first that needs a table reads it for all. */
  readonly #l2Cache: Lru<Promise<Buffer>>;
  readonly #clusterCache: Lru<Buffer>;

  constructor(image: ImageBytes, header: Qcow2Header, l1: Buffer) {
    this.#image = image;
    this.#header = header;
    this.#l1 = l1;
    this.size = header.size;
    this.blockSize = 2 ** header.clusterBits;
    this.#l2Cache = new Lru(cacheSize / this.blockSize);
    this.#clusterCache = new Lru(cacheSize / this.blockSize);
  }

  async runAt(cluster: number): Promise<{ hasData: boolean; blocks: number }> {
    const perTable = l2Entries(this.#header.clusterBits);
    const first = cluster % perTable;
    const table = await this.#l2Table(cluster);
    if (!table) return { hasData: false, blocks: perTable - first };
    const hasData = (index: number): boolean => table.readBigUInt64BE(index * 8) !== 0n;
    let blocks = 1;
    while (first + blocks < perTable && hasData(first + blocks) === hasData(first)) blocks += 1;
    return { hasData: hasData(first), blocks };
  }

  async fill(cluster: number, start: number, target: Buffer): Promise<void> {
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
    if (host % this.blockSize !== 0) throw this.#invalid('a cluster that is not aligned');
    if (zero || host === 0) return;
    const bytes = await this.#image.read(host + start, target.length, 'a cluster');
    bytes.copy(target);
  }

  async #l2Entry(cluster: number): Promise<bigint> {
    const table = await this.#l2Table(cluster);
    return table?.readBigUInt64BE((cluster % l2Entries(this.#header.clusterBits)) * 8) ?? 0n;
  }

  /** The table with a cluster's entry, or undefined when there is none. */
  async #l2Table(cluster: number): Promise<Buffer | undefined> {
    const entry = this.#l1.readBigUInt64BE(Math.floor(cluster / l2Entries(this.#header.clusterBits)) * 8);
    const offset = Number(entry & offsetMask);
    if ((entry & ~(copiedFlag | offsetMask)) !== 0n) throw this.#invalid('an unknown flag on a second-level table');
    if (offset % this.blockSize !== 0) throw this.#invalid('a second-level table that is not aligned');
    if (offset === 0) return undefined;
    const known = this.#l2Cache.get(offset);
    if (known) return known;
    const table = this.#image.read(offset, this.blockSize, 'a second-level table');
    this.#l2Cache.set(offset, table);
    return table;
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
    const length = Math.min(sectors * 512 - (offset % 512), this.#image.size - offset);
    const data = await this.#image.read(offset, Math.max(length, 1), 'a compressed cluster');
    try {
      const cluster = decompressCluster(data, this.#header.compression, this.blockSize);
      this.#clusterCache.set(offset, cluster);
      return cluster;
    } catch (error) {
      throw this.#invalid(`a compressed cluster at ${offset} that does not decompress`, error);
    }
  }

  #invalid(what: string, cause?: unknown): AppError {
    return this.#image.invalid(`it has ${what}`, cause);
  }
}

/** The disk inside a qcow2 file. @throws AppError IMAGE_INVALID */
export async function readQcow2(image: ImageBytes): Promise<BlockSource> {
  const header = await readHeader(image);
  const l1 = await image.read(header.l1Offset, header.l1Entries * 8, 'its first-level table');
  return mappedSource(image, new Clusters(image, header, l1));
}

/** @throws AppError IMAGE_INVALID */
export async function readHeader(image: ImageBytes): Promise<Qcow2Header> {
  return parseHeader(image, await image.read(0, Math.min(image.size, headerLength), 'its header'));
}
