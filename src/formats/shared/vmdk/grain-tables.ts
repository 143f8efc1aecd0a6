import { sectorSize } from '../bounds.ts';
import type { ImageBytes } from '../image-bytes.ts';
import { tableEntries, tablesOf, tableSize, type VmdkHeader } from './header.ts';
import { grainMarkerSize, parseGrainMarker } from './marker.ts';

const mostDirectoryBytes = 64 * 2 ** 20;
/** Tables that lie side by side are read together. */
const mostTablesAtOnce = 512;

/** Where each table lies, in sectors; 0 for one without grains. @throws AppError IMAGE_INVALID */
export async function readDirectory(image: ImageBytes, header: VmdkHeader & { directoryOffset: number }): Promise<Uint32Array> {
  const count = tablesOf(header);
  image.refuse(count * 4 > mostDirectoryBytes, `a directory of ${count} grain tables is too large`);
  const bytes = await image.read(header.directoryOffset * sectorSize, count * 4, 'its directory of grain tables');
  const directory = new Uint32Array(count);
  for (let table = 0; table < count; table += 1) directory[table] = bytes.readUInt32LE(table * 4);
  return directory;
}

/** A grain that is in the file: its number, and the sector where it begins. */
export interface Entry {
  grain: number;
  sector: number;
}

/**
 * Looks at every entry of every table: all grains must lie inside the file, and the file must end with the last of them, or with the
 * footer (`hasFooter`). @throws AppError IMAGE_INVALID
 */
export async function checkTables(
  image: ImageBytes,
  header: VmdkHeader,
  directory: Uint32Array,
  hasFooter: boolean,
): Promise<{ grains: number }> {
  const { capacity, grainSectors, isCompressed } = header;
  const fileSectors = image.size / sectorSize;
  const mostGrains = Math.ceil(capacity / grainSectors);
  let grains = 0;
  let last: Entry = { grain: 0, sector: 0 };
  for await (const entries of entriesOf(image, header, directory))
    for (const entry of entries) {
      image.refuse(entry.grain >= mostGrains, 'it has grains behind the end of the disk');
      image.refuse(entry.sector >= fileSectors, `its grain at sector ${entry.sector} lies past the end of the file`);
      grains += 1;
      if (entry.sector > last.sector) last = entry;
    }
  image.refuse(!isCompressed && (grains - 1) * grainSectors > fileSectors, 'it has more grains than the file has room for');
  if (last.sector > 0) {
    const end = await endOf(image, header, last);
    image.refuse(end > image.size, `its last grain ends at ${end}, past the end of the file; it may be cut off`);
  }
  if (!hasFooter) {
    // A footer closes a file. Where there is none, QEMU leaves room for a whole grain at the end, even behind a compressed one.
    const tablesEnd = directory.reduce((most, sector) => Math.max(most, sector), 0) + tableSize / sectorSize;
    const most = Math.max(
      header.overhead,
      tablesEnd,
      last.sector === 0 ? 0 : last.sector + grainSectors + (isCompressed ? 1 : 0),
    );
    image.refuse(fileSectors > most, 'something follows behind its last grain');
  }
  return { grains };
}

/** Where a grain ends at the least. */
async function endOf(
  image: ImageBytes,
  { grainSectors, isCompressed, capacity }: VmdkHeader,
  { sector, grain }: Entry,
): Promise<number> {
  const offset = sector * sectorSize;
  if (!isCompressed) return offset + Math.min(grainSectors, capacity - grain * grainSectors) * sectorSize;
  const { size } = parseGrainMarker(await image.read(offset, grainMarkerSize, 'its last grain'));
  return offset + grainMarkerSize + size;
}

/** All grains that are in the file, table by table. */
export async function* entriesOf(
  image: ImageBytes,
  { hasZeroGrains }: VmdkHeader,
  directory: Uint32Array,
): AsyncGenerator<Entry[], void, undefined> {
  for await (const { table, index } of tablesIn(image, directory)) {
    const entries: Entry[] = [];
    for (let entry = 0; entry < tableEntries; entry += 1) {
      const sector = table.readUInt32LE(entry * 4);
      if (sector !== 0 && !(sector === 1 && hasZeroGrains)) entries.push({ grain: index * tableEntries + entry, sector });
    }
    yield entries;
  }
}

/** The tables that are there, each once. */
async function* tablesIn(
  image: ImageBytes,
  directory: Uint32Array,
): AsyncGenerator<{ table: Buffer; index: number }, void, undefined> {
  const tableSectors = tableSize / sectorSize;
  const order = [...directory.entries()].filter(([, sector]) => sector !== 0).toSorted(([, a], [, b]) => a - b);
  let before = 0;
  for (const [, sector] of order) {
    image.refuse(sector < before, `the grain table at sector ${sector} overlaps with another one`);
    before = sector + tableSectors;
  }
  for (let first = 0; first < order.length; ) {
    const start = order[first]?.[1] ?? 0;
    let count = 1;
    while (count < mostTablesAtOnce && order[first + count]?.[1] === start + count * tableSectors) count += 1;
    const bytes = await image.read(start * sectorSize, count * tableSize, 'a grain table');
    for (let at = 0; at < count; at += 1) {
      const index = order[first + at]?.[0] ?? 0;
      yield { table: bytes.subarray(at * tableSize, (at + 1) * tableSize), index };
    }
    first += count;
  }
}
