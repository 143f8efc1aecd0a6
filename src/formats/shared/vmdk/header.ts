import { sectorSize } from '../bounds.ts';
import type { ImageBytes } from '../image-bytes.ts';

/**
 * The first sector of a sparse VMDK, and with `tablesAtEnd` its footer too: VMware's "Virtual Disk Format 5.0". Offsets and sizes are in sectors,
 * numbers little-endian.
 */
const magic = 0x564d_444b;
const flags = { newlines: 1, redundantTables: 2, zeroGrains: 4, compressed: 0x1_0000, markers: 0x2_0000 };
const allFlags = Object.values(flags).reduce((all, flag) => all | flag, 0);
/** By these it is seen that a file went through a transfer as text. */
const newlines = '\n \r\n';
const deflate = 1;
/** In place of the offset of the tables: the footer has it. */
const atEnd = 0xffff_ffff_ffff_ffffn;
/** A table has so many entries, of 4 bytes. */
export const tableEntries = 512;
export const tableSize = tableEntries * 4;
/** VMware's largest disk has 62 TiB. */
const mostSectors = BigInt(2 ** 46 / sectorSize);
const mostGrainSectors = 2 ** 15;

export interface VmdkHeader {
  /** Virtual size. */
  capacity: number;
  grainSectors: number;
  descriptorOffset: number;
  descriptorSectors: number;
  /** Where the directory of the grain tables lies; absent when the footer says it. */
  directoryOffset?: number | undefined;
  /** Of the second directory, in files that are not compressed. */
  redundantOffset?: number | undefined;
  /** Where grains begin. */
  overhead: number;
  /** Whether grains are compressed, each behind a marker. */
  isCompressed: boolean;
  /** Whether an entry of 1 stands for a grain of zeros. */
  hasZeroGrains: boolean;
}

/** Tables that a disk needs: one for each 32 MiB, with the usual grains. */
export function tablesOf({ capacity, grainSectors }: Pick<VmdkHeader, 'capacity' | 'grainSectors'>): number {
  return Math.ceil(capacity / grainSectors / tableEntries);
}

export function encodeHeader(header: Omit<VmdkHeader, 'hasZeroGrains'>): Buffer {
  const bytes = Buffer.alloc(sectorSize);
  const shape = header.isCompressed ? flags.compressed | flags.markers : 0;
  bytes.writeUInt32LE(magic, 0);
  bytes.writeUInt32LE(header.isCompressed ? 3 : 1, 4);
  bytes.writeUInt32LE(flags.newlines | shape | (header.redundantOffset === undefined ? 0 : flags.redundantTables), 8);
  bytes.writeBigUInt64LE(BigInt(header.capacity), 12);
  bytes.writeBigUInt64LE(BigInt(header.grainSectors), 20);
  bytes.writeBigUInt64LE(BigInt(header.descriptorOffset), 28);
  bytes.writeBigUInt64LE(BigInt(header.descriptorSectors), 36);
  bytes.writeUInt32LE(tableEntries, 44);
  bytes.writeBigUInt64LE(BigInt(header.redundantOffset ?? 0), 48);
  bytes.writeBigUInt64LE(header.directoryOffset === undefined ? atEnd : BigInt(header.directoryOffset), 56);
  bytes.writeBigUInt64LE(BigInt(header.overhead), 64);
  bytes.write(newlines, 73, 'latin1');
  bytes.writeUInt16LE(header.isCompressed ? deflate : 0, 77);
  return bytes;
}

/** What the beginning of a file shows: whether it is a VMDK, and of which kind. */
export function kindOf(bytes: Buffer): 'compressed' | 'sparse' | undefined {
  if (bytes.length < sectorSize || bytes.readUInt32LE(0) !== magic) return undefined;
  return (bytes.readUInt32LE(8) & flags.compressed) === 0 ? 'sparse' : 'compressed';
}

/** Reads and checks a header or (`name`) a footer. @throws AppError IMAGE_INVALID */
export function parseHeader(image: ImageBytes, bytes: Buffer, name = 'header'): VmdkHeader {
  image.refuse(bytes.readUInt32LE(0) !== magic, `it has no ${name} of a sparse VMDK`);
  const version = bytes.readUInt32LE(4);
  image.refuse(version < 1 || version > 3, `version ${version} is not known`);
  const found = bytes.readUInt32LE(8);
  image.refuse((found & ~allFlags) !== 0, `flags 0x${found.toString(16)} are not known`);
  const isTorn = (found & flags.newlines) !== 0 && bytes.toString('latin1', 73, 77) !== newlines;
  image.refuse(isTorn, 'its line ends were changed: it was transferred as text');
  const isCompressed = (found & flags.compressed) !== 0;
  image.refuse(isCompressed !== ((found & flags.markers) !== 0), 'its grains are compressed and have no markers, or the reverse');
  const algorithm = bytes.readUInt16LE(77);
  image.refuse(isCompressed && algorithm !== deflate, `compression ${algorithm} is not known`);
  image.refuse(bytes.readUInt32LE(44) !== tableEntries, `tables of ${bytes.readUInt32LE(44)} grains are not known`);

  const capacity = bytes.readBigUInt64LE(12);
  image.refuse(capacity === 0n || capacity > mostSectors, `a disk of ${capacity} sectors is not possible`);
  const grain = bytes.readBigUInt64LE(20);
  const isPossible = grain >= 8n && grain <= BigInt(mostGrainSectors) && (grain & (grain - 1n)) === 0n;
  image.refuse(!isPossible, `grains of ${grain} sectors are not possible`);
  const inFile = (at: number, what: string): number => {
    const offset = bytes.readBigUInt64LE(at);
    image.refuse(offset * BigInt(sectorSize) > BigInt(image.size), `its ${what} lies past the end of the file`);
    return Number(offset);
  };
  return {
    capacity: Number(capacity),
    grainSectors: Number(grain),
    descriptorOffset: inFile(28, 'descriptor'),
    descriptorSectors: inFile(36, 'descriptor'),
    directoryOffset: bytes.readBigUInt64LE(56) === atEnd ? undefined : inFile(56, 'directory of grain tables'),
    redundantOffset: (found & flags.redundantTables) === 0 ? undefined : inFile(48, 'second directory'),
    overhead: inFile(64, 'first grain'),
    isCompressed,
    hasZeroGrains: (found & flags.zeroGrains) !== 0,
  };
}
