import { crc32 } from 'node:zlib';

/** Writes GUID partition tables. Source: UEFI specification 2.10, chapter 5. */

export const sectorSize = 512;
const entryCount = 128;
const entrySize = 128;
/** Sectors of one table: header aside. */
const tableSectors = (entryCount * entrySize) / sectorSize;

/** Partition types, as the specification and the Discoverable Partitions Specification name them. */
export const partitionTypes = {
  biosBoot: '21686148-6449-6e6f-744e-656564454649',
  efiSystem: 'c12a7328-f81f-11d2-ba4b-00a0c93ec93b',
  linuxRootX64: '4f68bce3-e8cd-4db1-96e7-fbcaf984b709',
} as const;

export interface NewPartition {
  /** Its number in the table, from 1. */
  number: number;
  type: string;
  uuid: string;
  name: string;
  /** Sectors of 512 bytes; both belong to the partition. */
  firstSector: number;
  lastSector: number;
}

/** A piece of a disk: bytes at an offset. */
export interface Piece {
  offset: number;
  bytes: Buffer;
}

/** The pieces of a disk that hold its partition table: protective MBR (with `bootCode` in its first 440 bytes), both headers, both tables. */
export function gptPieces(diskSize: number, diskUuid: string, partitions: NewPartition[], bootCode?: Buffer): Piece[] {
  const sectors = Math.floor(diskSize / sectorSize);
  const table = Buffer.alloc(entryCount * entrySize);
  for (const partition of partitions) {
    const at = (partition.number - 1) * entrySize;
    guidBytes(partition.type).copy(table, at);
    guidBytes(partition.uuid).copy(table, at + 16);
    table.writeBigUInt64LE(BigInt(partition.firstSector), at + 32);
    table.writeBigUInt64LE(BigInt(partition.lastSector), at + 40);
    table.write(partition.name.slice(0, 36), at + 56, 'utf16le');
  }
  const header = (own: number, other: number, tableAt: number): Buffer => {
    const bytes = Buffer.alloc(sectorSize);
    bytes.write('EFI PART', 0, 'latin1');
    bytes.writeUInt32LE(0x10000, 8); // revision 1.0
    bytes.writeUInt32LE(92, 12); // header size
    bytes.writeBigUInt64LE(BigInt(own), 24);
    bytes.writeBigUInt64LE(BigInt(other), 32);
    bytes.writeBigUInt64LE(BigInt(2 + tableSectors), 40); // first usable
    bytes.writeBigUInt64LE(BigInt(sectors - 2 - tableSectors), 48); // last usable
    guidBytes(diskUuid).copy(bytes, 56);
    bytes.writeBigUInt64LE(BigInt(tableAt), 72);
    bytes.writeUInt32LE(entryCount, 80);
    bytes.writeUInt32LE(entrySize, 84);
    bytes.writeUInt32LE(crc32(table), 88);
    bytes.writeUInt32LE(crc32(bytes.subarray(0, 92)), 16);
    return bytes;
  };
  const backupTable = sectors - 1 - tableSectors;
  return [
    { offset: 0, bytes: protectiveMbr(sectors, diskUuid, bootCode) },
    { offset: sectorSize, bytes: Buffer.concat([header(1, sectors - 1, 2), table]) },
    { offset: backupTable * sectorSize, bytes: Buffer.concat([table, header(sectors - 1, 1, backupTable)]) },
  ];
}

function protectiveMbr(sectors: number, diskUuid: string, bootCode: Buffer | undefined): Buffer {
  const mbr = Buffer.alloc(sectorSize);
  bootCode?.copy(mbr, 0, 0, 440);
  guidBytes(diskUuid).copy(mbr, 440, 0, 4); // disk signature
  mbr.set([0x00, 0x00, 0x02, 0x00, 0xee, 0xff, 0xff, 0xff], 446);
  mbr.writeUInt32LE(1, 454);
  mbr.writeUInt32LE(Math.min(sectors - 1, 0xffffffff), 458);
  mbr.writeUInt16LE(0xaa55, 510);
  return mbr;
}

/** A GUID in its on-disk order: the first three groups little-endian. */
function guidBytes(uuid: string): Buffer {
  const bytes = Buffer.from(uuid.replaceAll('-', ''), 'hex');
  bytes.subarray(0, 4).reverse();
  bytes.subarray(4, 6).reverse();
  bytes.subarray(6, 8).reverse();
  return bytes;
}
