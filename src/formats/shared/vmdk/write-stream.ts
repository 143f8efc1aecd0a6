import { type FileHandle, open } from 'node:fs/promises';
import type { Built } from '../../../model/engine.ts';
import type { StepContext } from '../../../model/step.ts';
import type { VmDescription } from '../../../model/vm-description.ts';
import { toAppError } from '../../../util/errors.ts';
import { AppendFile, writeAll } from '../append-file.ts';
import { diskSize, sectorSize } from '../bounds.ts';
import { Fingerprint } from '../fingerprint.ts';
import { packDisk } from '../pack-disk.ts';
import { type ClusterCodec, clusterSize, type PackedWindow, windowClusters } from '../packed-window.ts';
import { reportProgress } from '../progress.ts';
import { contentIdOf, descriptorSectors, encodeDescriptor } from './descriptor.ts';
import { encodeHeader, tableEntries, tablesOf, tableSize, type VmdkHeader } from './header.ts';
import { grainMarker, metadataMarker } from './marker.ts';
import { sectorAt } from './sector-at.ts';

/** A grain is what the pool packs by itself. */
const grainSize = clusterSize;
const grainSectors = grainSize / sectorSize;
const codec: ClusterCodec = { type: 'zlib', level: 6 };
const overhead = 128;

/** Writes a streamOptimized VMDK, as vSphere and OVF packages take it: compressed grains, and all tables behind them. */
export async function writeStreamVmdk(built: Built, path: string, ctx: StepContext, vm: VmDescription): Promise<void> {
  try {
    const size = await diskSize(built, grainSize);
    await using file = await open(path, 'w');
    const writer = new StreamWriter(file, size, vm);
    for await (const { window, packed, done, total } of packDisk(built, codec, ctx.signal)) {
      await writer.add(window, packed);
      reportProgress(ctx, done, total);
    }
    await writer.finish();
  } catch (error) {
    throw toAppError(error, 'BUILD_FAILED', `Writing ${path} as VMDK`);
  }
}

/** Grains in order, each table behind its grains, the directory of the tables, the footer. Header and descriptor are written last. */
class StreamWriter {
  readonly #file: FileHandle;
  readonly #out: AppendFile;
  readonly #header: VmdkHeader;
  readonly #print: Fingerprint;
  /** Where the tables lie, in sectors; 0 for one without grains. */
  readonly #directory: Uint32Array;
  #table = Buffer.alloc(tableSize);
  #tableIndex = 0;
  #isTableEmpty = true;

  constructor(file: FileHandle, size: number, vm: VmDescription) {
    this.#print = new Fingerprint(vm);
    this.#file = file;
    this.#out = new AppendFile(file, overhead * sectorSize);
    this.#header = {
      capacity: size / sectorSize,
      grainSectors,
      descriptorOffset: 1,
      descriptorSectors,
      overhead,
      isCompressed: true,
      hasZeroGrains: false,
    };
    this.#directory = new Uint32Array(tablesOf(this.#header));
  }

  /** Adds a window; windows must come in ascending order. */
  async add(window: number, { lengths, bytes }: PackedWindow): Promise<void> {
    let position = 0;
    for (const [index, length] of lengths.entries()) {
      if (length === 0) continue;
      await this.#addGrain(window * windowClusters + index, bytes.subarray(position, position + length));
      position += length;
    }
  }

  async #addGrain(grain: number, bytes: Uint8Array): Promise<void> {
    const tableIndex = Math.floor(grain / tableEntries);
    if (tableIndex !== this.#tableIndex) await this.#endTable();
    this.#tableIndex = tableIndex;
    this.#print.add(grain, bytes);
    this.#table.writeUInt32LE(sectorAt(this.#out.position), (grain % tableEntries) * 4);
    this.#isTableEmpty = false;
    await this.#out.append(grainMarker(grain * grainSectors, bytes.length));
    await this.#out.append(bytes);
    await this.#out.pad(sectorSize);
  }

  async #endTable(): Promise<void> {
    if (this.#isTableEmpty) return;
    this.#directory[this.#tableIndex] = await this.#appendMetadata('table', this.#table);
    this.#table = Buffer.alloc(tableSize);
    this.#isTableEmpty = true;
  }

  /** Appends a marker and what it announces, and returns the sector of the latter. */
  async #appendMetadata(type: 'table' | 'directory' | 'footer', bytes: Buffer): Promise<number> {
    await this.#out.append(metadataMarker(type, Math.ceil(bytes.length / sectorSize)));
    const sector = sectorAt(this.#out.position);
    await this.#out.append(bytes);
    await this.#out.pad(sectorSize);
    return sector;
  }

  async finish(): Promise<void> {
    await this.#endTable();
    const directory = Buffer.alloc(this.#directory.length * 4);
    for (const [index, sector] of this.#directory.entries()) directory.writeUInt32LE(sector, index * 4);
    const directoryOffset = await this.#appendMetadata('directory', directory);
    await this.#appendMetadata('footer', encodeHeader({ ...this.#header, directoryOffset }));
    await this.#out.append(metadataMarker('end', 0));
    await this.#out.flush();
    const contentId = contentIdOf(this.#print);
    const descriptor = encodeDescriptor(
      { createType: 'streamOptimized', contentId, sectors: this.#header.capacity },
      'disk.vmdk',
    );
    const start = Buffer.alloc(overhead * sectorSize);
    encodeHeader(this.#header).copy(start);
    start.write(descriptor, sectorSize, 'latin1');
    await writeAll(this.#file, start, 0);
  }
}
