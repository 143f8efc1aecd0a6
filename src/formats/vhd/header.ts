import type { ImageBytes } from '../shared/image-bytes.ts';
import { checksumOf } from './checksum.ts';

/** The header of a dynamic VHD. Numbers are big-endian. */
export const headerSize = 1024;
const cookie = 'cxsparse';
const version = 0x0001_0000;
const checksumAt = 36;
/** In the block table: a block that is not in the file, and is zero. */
export const noBlock = 0xffff_ffff;
const noOffset = 0xffff_ffff_ffff_ffffn;

export interface VhdHeader {
  tableOffset: number;
  /** How many blocks the table has room for. */
  entries: number;
  blockSize: number;
}

export function encodeHeader({ tableOffset, entries, blockSize }: VhdHeader): Buffer {
  const bytes = Buffer.alloc(headerSize);
  bytes.write(cookie, 0, 'latin1');
  bytes.writeBigUInt64BE(noOffset, 8);
  bytes.writeBigUInt64BE(BigInt(tableOffset), 16);
  bytes.writeUInt32BE(version, 24);
  bytes.writeUInt32BE(entries, 28);
  bytes.writeUInt32BE(blockSize, 32);
  bytes.writeUInt32BE(checksumOf(bytes, checksumAt), checksumAt);
  return bytes;
}

/** Reads and checks a header for a disk of `size` bytes. @throws AppError IMAGE_INVALID */
export function parseHeader(image: ImageBytes, bytes: Buffer, size: number): VhdHeader {
  image.refuse(bytes.toString('latin1', 0, 8) !== cookie, 'it has no header where its footer says');
  image.refuse(bytes.readUInt32BE(checksumAt) !== checksumOf(bytes, checksumAt), 'its header has a wrong checksum');
  const foundVersion = bytes.readUInt32BE(24);
  image.refuse(foundVersion !== version, `header version 0x${foundVersion.toString(16)} is not known`);
  const blockSize = bytes.readUInt32BE(32);
  const isPossible = Number.isInteger(Math.log2(blockSize)) && blockSize >= 2 ** 12 && blockSize <= 2 ** 28;
  image.refuse(!isPossible, `blocks of ${blockSize} bytes are not possible`);
  const entries = bytes.readUInt32BE(28);
  image.refuse(entries * blockSize < size, 'its block table is too small for its size');
  const tableOffset = bytes.readBigUInt64BE(16);
  image.refuse(tableOffset + BigInt(entries * 4) > BigInt(image.size), 'its block table is not in the file');
  return { tableOffset: Number(tableOffset), entries, blockSize };
}
