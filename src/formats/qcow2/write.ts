import type { FileHandle } from 'node:fs/promises';
import { AppendFile, writeAll } from '../shared/append-file.ts';
import { clusterSize, type PackedWindow, windowClusters } from '../shared/packed-window.ts';
import { type Compression, encodeHeader, l2Entries, neededL1Entries } from './header.ts';
import { Refcounts } from './refcounts.ts';

const clusterBits = Math.log2(clusterSize);
const entriesPerL2 = l2Entries(clusterBits);
const copied = 1n << 63n;
const compressed = 1n << 62n;
/** Where the number of 512-byte sectors stands in a compressed cluster's entry. */
const sectorsShift = BigInt(62 - (clusterBits - 8));

/** Clusters that are stored as they are must be aligned: this many are held back and written together, behind one gap. */
const maxHeld = 32;

/**
 * Writes a qcow2 version 3 file from front to back: header and first-level table (filled in at the end), then for every 512 MiB
 * of disk the packed clusters and the second-level table that maps them, then refcounts. Its bytes depend on nothing but what is added.
 */
export class Qcow2Writer {
  readonly #file: FileHandle;
  readonly #out: AppendFile;
  readonly #refcounts = new Refcounts(clusterSize);
  readonly #size: number;
  readonly #compression: Compression;
  readonly #l1: BigUint64Array;
  #l2 = new BigUint64Array(entriesPerL2);
  #l2Index = 0;
  #held: { cluster: number; bytes: Uint8Array }[] = [];

  constructor(file: FileHandle, size: number, compression: Compression) {
    this.#file = file;
    this.#size = size;
    this.#compression = compression;
    this.#l1 = new BigUint64Array(neededL1Entries(size, clusterBits));
    const headerClusters = 1 + Math.ceil((this.#l1.length * 8) / clusterSize);
    this.#out = new AppendFile(file, headerClusters * clusterSize);
    this.#refcounts.add(0, headerClusters * clusterSize);
  }

  /** Adds a window; windows must come in ascending order. */
  async add(window: number, { lengths, bytes }: PackedWindow): Promise<void> {
    let position = 0;
    for (const [index, length] of lengths.entries()) {
      if (length === 0) continue;
      await this.#addCluster(window * windowClusters + index, bytes.subarray(position, position + length));
      position += length;
    }
  }

  async #addCluster(cluster: number, bytes: Uint8Array): Promise<void> {
    const l2Index = Math.floor(cluster / entriesPerL2);
    if (l2Index !== this.#l2Index) await this.#writeL2();
    this.#l2Index = l2Index;
    if (bytes.length === clusterSize) {
      this.#held.push({ cluster, bytes: bytes.slice() });
      if (this.#held.length === maxHeld) await this.#writeHeld();
      return;
    }
    const offset = this.#out.position;
    const lastSector = Math.floor((offset + bytes.length - 1) / 512);
    const sectors = lastSector - Math.floor(offset / 512);
    this.#l2[cluster % entriesPerL2] = compressed | (BigInt(sectors) << sectorsShift) | BigInt(offset);
    this.#refcounts.add(offset, (lastSector + 1) * 512 - offset);
    await this.#out.append(bytes);
  }

  /** Writes the clusters that were held back. */
  async #writeHeld(): Promise<void> {
    if (this.#held.length === 0) return;
    await this.#out.pad(clusterSize);
    for (const { cluster, bytes } of this.#held) {
      const offset = this.#out.position;
      this.#l2[cluster % entriesPerL2] = copied | BigInt(offset);
      this.#refcounts.add(offset, clusterSize);
      await this.#out.append(bytes);
    }
    this.#held = [];
  }

  /** Writes the second-level table that is complete, unless it is empty. */
  async #writeL2(): Promise<void> {
    await this.#writeHeld();
    if (this.#l2.every((entry) => entry === 0n)) return;
    this.#l1[this.#l2Index] = copied | BigInt(await this.#appendTable(bigEndian64(this.#l2)));
    this.#l2 = new BigUint64Array(entriesPerL2);
  }

  /** Appends whole clusters and returns their offset. */
  async #appendTable(table: Buffer): Promise<number> {
    await this.#out.pad(clusterSize);
    const offset = this.#out.position;
    await this.#out.append(table);
    await this.#out.pad(clusterSize);
    this.#refcounts.add(offset, this.#out.position - offset);
    return offset;
  }

  /** Writes the tables and the header. The file must still be flushed to the disk by whoever renames it. */
  async finish(): Promise<void> {
    await this.#writeL2();
    await this.#out.pad(clusterSize);
    const { blocks, table, tableOffset } = this.#refcounts.encode(this.#out.position);
    await this.#out.append(blocks);
    await this.#out.append(table);
    await this.#out.flush();
    await writeAll(this.#file, bigEndian64(this.#l1), clusterSize);
    const header = encodeHeader({
      clusterBits,
      size: this.#size,
      l1Entries: this.#l1.length,
      l1Offset: clusterSize,
      refcountTableOffset: tableOffset,
      refcountTableClusters: table.length / clusterSize,
      compression: this.#compression,
    });
    await writeAll(this.#file, header, 0);
  }
}

function bigEndian64(entries: BigUint64Array): Buffer {
  const bytes = Buffer.alloc(entries.length * 8);
  for (const [index, entry] of entries.entries()) bytes.writeBigUInt64BE(entry, index * 8);
  return bytes;
}
