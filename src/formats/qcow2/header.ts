import type { ImageBytes } from '../shared/image-bytes.ts';

/** The fixed part of a qcow2 file, as QEMU's docs/interop/qcow2.rst describes it. All numbers are big-endian. */
export const magic = 0x514649fb;
/** Header of version 3 with the compression type and its padding, then an empty list of extensions. */
export const headerLength = 112;
const incompatible = { dirty: 1n, corrupt: 2n, externalData: 4n, compressionType: 8n, extendedL2: 16n };
/** QEMU's own limit: 32 MiB of first-level table. */
const maxL1Entries = 4 * 2 ** 20;

export type Compression = 'deflate' | 'zstd';

export interface Qcow2Header {
  version: number;
  clusterBits: number;
  /** Virtual size in bytes. */
  size: number;
  l1Entries: number;
  l1Offset: number;
  refcountTableOffset: number;
  refcountTableClusters: number;
  compression: Compression;
}

/** Entries that fit one table of the second level; each table maps so many clusters. */
export function l2Entries(clusterBits: number): number {
  return 2 ** (clusterBits - 3);
}

/** How many second-level tables a disk needs. */
export function neededL1Entries(size: number, clusterBits: number): number {
  return Math.ceil(size / 2 ** clusterBits / l2Entries(clusterBits));
}

/** A version 3 header; refcounts are 16 bits wide. */
export function encodeHeader(header: Omit<Qcow2Header, 'version'>): Buffer {
  const bytes = Buffer.alloc(headerLength + 8);
  const zstd = header.compression === 'zstd';
  bytes.writeUInt32BE(magic, 0);
  bytes.writeUInt32BE(3, 4);
  bytes.writeUInt32BE(header.clusterBits, 20);
  bytes.writeBigUInt64BE(BigInt(header.size), 24);
  bytes.writeUInt32BE(header.l1Entries, 36);
  bytes.writeBigUInt64BE(BigInt(header.l1Offset), 40);
  bytes.writeBigUInt64BE(BigInt(header.refcountTableOffset), 48);
  bytes.writeUInt32BE(header.refcountTableClusters, 56);
  bytes.writeBigUInt64BE(zstd ? incompatible.compressionType : 0n, 72);
  bytes.writeUInt32BE(4, 96);
  bytes.writeUInt32BE(headerLength, 100);
  bytes.writeUInt8(zstd ? 1 : 0, 104);
  return bytes;
}

/**
 * Reads and checks a header. `bytes` are the first 112 of the file, or all of a shorter one.
 * @throws AppError IMAGE_INVALID, also for what is valid but would lead out of this file: backing files, external data, encryption
 */
export function parseHeader(image: ImageBytes, bytes: Buffer): Qcow2Header {
  const refuse = (condition: boolean, why: string): void => image.refuse(condition, why);
  refuse(bytes.length < 72 || bytes.readUInt32BE(0) !== magic, 'it does not start with a qcow2 header');
  const version = bytes.readUInt32BE(4);
  refuse(version !== 2 && version !== 3, `version ${version} is not known`);
  refuse(version === 3 && bytes.length < 104, 'its header is cut off');
  const clusterBits = bytes.readUInt32BE(20);
  refuse(clusterBits < 9 || clusterBits > 21, `clusters of 2^${clusterBits} bytes are not allowed`);
  refuse(bytes.readBigUInt64BE(8) !== 0n, 'it has a backing file');
  refuse(bytes.readUInt32BE(32) !== 0, 'it is encrypted');

  const features = version === 3 ? bytes.readBigUInt64BE(72) : 0n;
  refuse((features & incompatible.corrupt) !== 0n, 'it is marked as corrupt');
  refuse((features & incompatible.externalData) !== 0n, 'its data lies in another file');
  refuse((features & ~(incompatible.dirty | incompatible.compressionType)) !== 0n, `features 0x${features.toString(16)}`);
  const length = version === 3 ? bytes.readUInt32BE(100) : 72;
  refuse(version === 3 && (length < 104 || length > 2 ** clusterBits), `a header of ${length} bytes`);
  const type = length > 104 && bytes.length > 104 ? bytes.readUInt8(104) : 0;
  refuse(type > 1, `compression type ${type} is not known`);
  refuse((type !== 0) !== ((features & incompatible.compressionType) !== 0n), 'its compression type contradicts its features');

  const size = safe(bytes.readBigUInt64BE(24));
  refuse(size === undefined, 'its virtual size is too large');
  const header: Qcow2Header = {
    version,
    clusterBits,
    size: size ?? 0,
    l1Entries: bytes.readUInt32BE(36),
    l1Offset: safe(bytes.readBigUInt64BE(40)) ?? -1,
    refcountTableOffset: safe(bytes.readBigUInt64BE(48)) ?? -1,
    refcountTableClusters: bytes.readUInt32BE(56),
    compression: type === 1 ? 'zstd' : 'deflate',
  };
  const inFile = (offset: number, tableLength: number): boolean =>
    offset > 0 && offset % 2 ** clusterBits === 0 && offset + tableLength <= image.size;
  refuse(header.l1Entries > maxL1Entries, 'its first-level table is too large');
  refuse(header.l1Entries < neededL1Entries(header.size, clusterBits), 'its first-level table is too small for its size');
  refuse(header.l1Entries > 0 && !inFile(header.l1Offset, header.l1Entries * 8), 'its first-level table is not in the file');
  refuse(
    !inFile(header.refcountTableOffset, header.refcountTableClusters * 2 ** clusterBits),
    'its refcount table is not in the file',
  );
  return header;
}

function safe(value: bigint): number | undefined {
  return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : undefined;
}
