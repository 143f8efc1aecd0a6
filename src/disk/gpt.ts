import { crc32 } from 'node:zlib';
import type { BlockSource } from '../model/format.ts';
import { AppError } from '../util/errors.ts';

/** Reads GUID partition tables. Source: UEFI specification 2.10, chapter 5. */

const sectorSize = 512;
const maxEntries = 1024;
const unused = '00000000-0000-0000-0000-000000000000';

export interface Partition {
  /** Its number in the table, from 1. */
  number: number;
  /** GUIDs in lower case. */
  type: string;
  uuid: string;
  name: string;
  /** Bytes from the start of the disk, and in length. */
  offset: number;
  size: number;
}

/** The partitions of a disk, by number. Falls back to the backup table when the first is damaged. @throws AppError IMAGE_INVALID */
export async function readPartitions(source: BlockSource): Promise<Partition[]> {
  const last = Math.floor(source.size / sectorSize) - 1;
  if (last < 67) throw new AppError('IMAGE_INVALID', 'The disk is too small for a partition table');
  const faults: string[] = [];
  for (const sector of [1, last]) {
    const table = await readTable(source, sector);
    if (typeof table !== 'string') return table;
    faults.push(`sector ${sector} ${table}`);
  }
  throw new AppError('IMAGE_INVALID', `The disk has no valid GUID partition table: ${faults.join('; ')}`);
}

/** The partitions, or what is wrong with this table. */
async function readTable(source: BlockSource, sector: number): Promise<Partition[] | string> {
  const header = await source.read(sector * sectorSize, sectorSize);
  if (header.toString('latin1', 0, 8) !== 'EFI PART') return 'has no signature';
  const headerSize = header.readUInt32LE(12);
  if (headerSize < 92 || headerSize > sectorSize) return `has a header of ${headerSize} bytes`;
  const checked = Buffer.from(header.subarray(0, headerSize));
  checked.writeUInt32LE(0, 16);
  if (crc32(checked) !== header.readUInt32LE(16)) return 'has a wrong header checksum';
  if (header.readBigUInt64LE(24) !== BigInt(sector)) return 'is a header of another place';
  const tableAt = header.readBigUInt64LE(72) * BigInt(sectorSize);
  const count = header.readUInt32LE(80);
  const entrySize = header.readUInt32LE(84);
  if (count > maxEntries || entrySize < 128 || entrySize > 4096 || entrySize % 128 !== 0)
    return 'has an entry size or count out of range';
  const tableSize = count * entrySize;
  if (tableAt + BigInt(tableSize) > BigInt(source.size)) return 'has its entries past the end of the disk';
  const table = await source.read(Number(tableAt), tableSize);
  if (crc32(table) !== header.readUInt32LE(88)) return 'has a wrong checksum of its entries';
  const partitions: Partition[] = [];
  for (let index = 0; index < count; index += 1) {
    const entry = table.subarray(index * entrySize, (index + 1) * entrySize);
    const type = guid(entry, 0);
    if (type === unused) continue;
    const first = entry.readBigUInt64LE(32);
    const end = entry.readBigUInt64LE(40) + 1n;
    if (first === 0n || first >= end || end * BigInt(sectorSize) > BigInt(source.size))
      return `has partition ${index + 1} outside the disk`;
    partitions.push({
      number: index + 1,
      type,
      uuid: guid(entry, 16),
      name: entry.toString('utf16le', 56, 128).replace(/\0.*$/s, ''),
      offset: Number(first) * sectorSize,
      size: Number(end - first) * sectorSize,
    });
  }
  const overlap = partitions
    .toSorted((a, b) => a.offset - b.offset)
    .find((partition, index, sorted) => index > 0 && partition.offset < endOf(sorted[index - 1] as Partition));
  return overlap ? `has partition ${overlap.number} inside another one` : partitions;
}

function endOf({ offset, size }: Partition): number {
  return offset + size;
}

/** A GUID from its on-disk order: the first three groups little-endian. */
function guid(bytes: Buffer, at: number): string {
  const number = (offset: number, length: number): string =>
    bytes
      .readUIntLE(at + offset, length)
      .toString(16)
      .padStart(length * 2, '0');
  const hex = (from: number, to: number): string => bytes.toString('hex', at + from, at + to);
  return [number(0, 4), number(4, 2), number(6, 2), hex(8, 10), hex(10, 16)].join('-');
}
