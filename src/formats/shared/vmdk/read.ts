import { promisify } from 'node:util';
import { inflate } from 'node:zlib';
import type { BlockSource } from '../../../model/format.ts';
import { sectorSize } from '../bounds.ts';
import type { ImageBytes } from '../image-bytes.ts';
import { Lru } from '../lru.ts';
import { mappedSource } from '../mapped-source.ts';
import { type Descriptor, isDescriptor, parseDescriptor } from './descriptor.ts';
import { checkTables, readDirectory } from './grain-tables.ts';
import { parseHeader, tableEntries, tableSize, type VmdkHeader } from './header.ts';
import { grainMarkerSize, isMarker, parseGrainMarker } from './marker.ts';

const inflateGrain = promisify(inflate);
/** Bytes that each of the two caches may hold. */
const cacheSize = 16 * 2 ** 20;
const mostDescriptorSectors = 2048;
/** Most compressed grains are shorter: one read gets the marker and all of it. */
const firstRead = 2 ** 15;
/** What zlib may add to a grain that can't be compressed, and more. */
const mostGrowth = 1024;

/** What a VMDK says of itself; every part of it was checked. */
export interface VmdkFacts {
  header: VmdkHeader & { directoryOffset: number };
  descriptor: Descriptor;
  /** Where each table lies, in sectors; 0 for one without grains. */
  directory: Uint32Array;
  /** Grains that are in the file. */
  grains: number;
}

/** Reads the header, the descriptor and all tables. @throws AppError IMAGE_INVALID */
export async function readVmdkFacts(image: ImageBytes): Promise<VmdkFacts> {
  const first = await image.read(0, Math.min(image.size, sectorSize), 'its header');
  image.refuse(isDescriptor(first), 'it is only a descriptor, whose data lies in other files');
  image.refuse(first.length < sectorSize, 'it is too short');
  const start = parseHeader(image, first);
  const { descriptorOffset, descriptorSectors } = start;
  image.refuse(descriptorOffset === 0, 'it has no descriptor: it may be one of several files of a disk');
  image.refuse(descriptorSectors > mostDescriptorSectors, `a descriptor of ${descriptorSectors} sectors is too long`);
  const text = await image.read(descriptorOffset * sectorSize, descriptorSectors * sectorSize, 'its descriptor');
  const descriptor = parseDescriptor(image, text);
  const createType = start.isCompressed ? 'streamOptimized' : 'monolithicSparse';
  image.refuse(
    descriptor.createType !== createType,
    `its header is of ${createType}, its descriptor of ${descriptor.createType}`,
  );
  image.refuse(descriptor.sectors !== start.capacity, 'its header and its descriptor have different sizes');

  const header = { ...start, directoryOffset: start.directoryOffset ?? (await readFooter(image, start)) };
  const directory = await readDirectory(image, header);
  const { grains } = await checkTables(image, header, directory, start.directoryOffset === undefined);
  return { header, descriptor, directory, grains };
}

/** The last three sectors are a marker, the footer, and a marker for the end. Returns where the footer says that the directory lies. */
async function readFooter(image: ImageBytes, header: VmdkHeader): Promise<number> {
  const length = 3 * sectorSize;
  image.refuse(image.size < length, 'it is too short');
  const bytes = await image.read(image.size - length, length, 'its footer');
  const isWhole = isMarker(bytes, 'footer', 1) && isMarker(bytes.subarray(2 * sectorSize), 'end', 0);
  image.refuse(!isWhole, 'it has no footer at its end; it may be cut off, or longer than it was');
  const footer = parseHeader(image, bytes.subarray(sectorSize, 2 * sectorSize), 'footer');
  const isSame = footer.capacity === header.capacity && footer.grainSectors === header.grainSectors && footer.isCompressed;
  image.refuse(!isSame, 'its header and its footer contradict each other');
  if (footer.directoryOffset === undefined) throw image.invalid('its footer does not say where the grain tables are');
  return footer.directoryOffset;
}

/** The disk inside a VMDK, streamOptimized or monolithicSparse. @throws AppError IMAGE_INVALID */
export async function readVmdk(image: ImageBytes): Promise<BlockSource> {
  const { header, directory } = await readVmdkFacts(image);
  return mappedSource(image, new Grains(image, header, directory));
}

class Grains {
  readonly size: number;
  readonly blockSize: number;
  readonly #image: ImageBytes;
  readonly #header: VmdkHeader;
  readonly #directory: Uint32Array;
  /** Grains of one read are filled at once: the first that needs a table reads it for all. */
  readonly #tables = new Lru<Promise<Buffer>>(cacheSize / tableSize);
  readonly #grains: Lru<Buffer>;

  constructor(image: ImageBytes, header: VmdkHeader, directory: Uint32Array) {
    this.#image = image;
    this.#header = header;
    this.#directory = directory;
    this.size = header.capacity * sectorSize;
    this.blockSize = header.grainSectors * sectorSize;
    this.#grains = new Lru(Math.max(1, cacheSize / this.blockSize));
  }

  async runAt(grain: number): Promise<{ hasData: boolean; blocks: number }> {
    const rest = tableEntries - (grain % tableEntries);
    const table = await this.#tableOf(grain);
    if (!table) return { hasData: false, blocks: rest };
    const hasData = (index: number): boolean => this.#sectorIn(table, index) !== 0;
    const first = grain % tableEntries;
    let blocks = 1;
    while (blocks < rest && hasData(first + blocks) === hasData(first)) blocks += 1;
    return { hasData: hasData(first), blocks };
  }

  async fill(grain: number, start: number, target: Buffer): Promise<void> {
    const table = await this.#tableOf(grain);
    const sector = table ? this.#sectorIn(table, grain % tableEntries) : 0;
    if (sector === 0) return;
    if (this.#header.isCompressed) {
      (await this.#compressed(grain, sector)).copy(target, 0, start, start + target.length);
    } else {
      (await this.#image.read(sector * sectorSize + start, target.length, 'a grain')).copy(target);
    }
  }

  async #tableOf(grain: number): Promise<Buffer | undefined> {
    const sector = this.#directory[Math.floor(grain / tableEntries)] ?? 0;
    if (sector === 0) return undefined;
    const known = this.#tables.get(sector);
    if (known) return known;
    const table = this.#image.read(sector * sectorSize, tableSize, 'a grain table');
    this.#tables.set(sector, table);
    return table;
  }

  /** Where a grain begins in the file; 0 when it is zeros. */
  #sectorIn(table: Buffer, index: number): number {
    const sector = table.readUInt32LE(index * 4);
    return sector === 1 && this.#header.hasZeroGrains ? 0 : sector;
  }

  async #compressed(grain: number, sector: number): Promise<Buffer> {
    const known = this.#grains.get(sector);
    if (known) return known;
    const bytes = await inflatedGrain(this.#image, this.#header, grain, sector);
    this.#grains.set(sector, bytes);
    return bytes;
  }
}

/** One compressed grain, whose marker must name it, and whose stream ends with a checksum. @throws AppError IMAGE_INVALID */
export async function inflatedGrain(image: ImageBytes, header: VmdkHeader, grain: number, sector: number): Promise<Buffer> {
  const { capacity, grainSectors } = header;
  const [offset, grainBytes] = [sector * sectorSize, grainSectors * sectorSize];
  const name = `the grain at sector ${sector}`;
  const head = await image.read(offset, Math.min(firstRead, image.size - offset), name);
  image.refuse(head.length < grainMarkerSize, `${name} lies past the end of the file`);
  const marker = parseGrainMarker(head);
  image.refuse(marker.sector !== grain * grainSectors, `${name} is marked as another one`);
  image.refuse(marker.size > grainBytes + mostGrowth, `${name} has ${marker.size} bytes, more than a grain can have`);
  const length = grainMarkerSize + marker.size;
  const all = length <= head.length ? head : await image.read(offset, length, name);
  // The last one may be as short as the disk.
  const needed = Math.min(grainSectors, capacity - grain * grainSectors) * sectorSize;
  try {
    const bytes = await inflateGrain(all.subarray(grainMarkerSize, length), { maxOutputLength: grainBytes });
    if (bytes.length < needed) throw new RangeError(`${bytes.length} bytes`);
    return bytes;
  } catch (error) {
    throw image.invalid(`${name} does not decompress to a whole grain`, error);
  }
}
