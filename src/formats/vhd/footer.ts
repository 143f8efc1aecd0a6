import type { ImageBytes } from '../shared/image-bytes.ts';
import { sectorSize } from '../shared/bounds.ts';
import { checksumOf } from './checksum.ts';
import { geometryOf } from './geometry.ts';

/** The last sector of every VHD, and also the first of a dynamic one: Microsoft's "Virtual Hard Disk Image Format Specification" 1.0. Numbers are big-endian. */
const cookie = 'conectix';
const version = 0x0001_0000;
const checksumAt = 64;
const noOffset = 0xffff_ffff_ffff_ffffn;
/** Seconds from 1970 to 2000, where the times of a VHD begin. */
const year2000 = 946_684_800;
/** By QEMU, VirtualBox and XenServer too: block tables count sectors in 32 bits, and some values are taken. */
export const maxVhdSize = 2040 * 2 ** 30;

/**
 * Readers go by the name of the creator. As "win ", Hyper-V's, they all take the disk's size from the size field; with a name that
 * they do not know, QEMU takes what the rounded geometry gives, and with "tap", its own, XenServer expects its own extensions.
 */
const creator = { name: 'win ', version: 0x000a_0000, host: 0x5769_326b };

export type VhdType = 'fixed' | 'dynamic';
const types: Record<VhdType, number> = { fixed: 2, dynamic: 3 };

export interface VhdFooter {
  type: VhdType;
  /** Virtual size in bytes. */
  size: number;
  /** Where the header of a dynamic disk lies. */
  headerOffset: number;
  /** Seconds since 1970. */
  time: number;
  creator: string;
  /** 16 bytes. */
  uuid: Buffer;
}

export function encodeFooter({ type, size, time, uuid }: Pick<VhdFooter, 'type' | 'size' | 'time' | 'uuid'>): Buffer {
  const bytes = Buffer.alloc(sectorSize);
  bytes.write(cookie, 0, 'latin1');
  bytes.writeUInt32BE(2, 8); // A bit that is always set.
  bytes.writeUInt32BE(version, 12);
  bytes.writeBigUInt64BE(type === 'dynamic' ? BigInt(sectorSize) : noOffset, 16);
  bytes.writeUInt32BE(Math.max(0, time - year2000), 24);
  bytes.write(creator.name, 28, 'latin1');
  bytes.writeUInt32BE(creator.version, 32);
  bytes.writeUInt32BE(creator.host, 36);
  bytes.writeBigUInt64BE(BigInt(size), 40);
  bytes.writeBigUInt64BE(BigInt(size), 48);
  const { cylinders, heads, sectors } = geometryOf(size);
  bytes.writeUInt16BE(cylinders, 56);
  bytes.writeUInt8(heads, 58);
  bytes.writeUInt8(sectors, 59);
  bytes.writeUInt32BE(types[type], 60);
  uuid.copy(bytes, 68);
  bytes.writeUInt32BE(checksumOf(bytes, checksumAt), checksumAt);
  return bytes;
}

/** Whether bytes begin as a footer does. */
export function hasFooter(bytes: Buffer): boolean {
  return bytes.toString('latin1', 0, cookie.length) === cookie;
}

/** Reads and checks a footer. @throws AppError IMAGE_INVALID, also for a disk that is only the difference to another one */
export function parseFooter(image: ImageBytes, bytes: Buffer, name: string): VhdFooter {
  image.refuse(!hasFooter(bytes), `it has no ${name}; it may be cut off, or longer than it was`);
  image.refuse(bytes.readUInt32BE(checksumAt) !== checksumOf(bytes, checksumAt), `its ${name} has a wrong checksum`);
  const foundVersion = bytes.readUInt32BE(12);
  image.refuse(foundVersion !== version, `version 0x${foundVersion.toString(16)} is not known`);
  const typeNumber = bytes.readUInt32BE(60);
  image.refuse(typeNumber === 4, 'it has a parent');
  const type = typeNumber === types.fixed ? 'fixed' : 'dynamic';
  image.refuse(typeNumber !== types[type], `disk type ${typeNumber} is not known`);
  const size = bytes.readBigUInt64BE(48);
  image.refuse(size === 0n || size > BigInt(maxVhdSize), `a disk of ${size} bytes is not possible`);
  image.refuse(size % BigInt(sectorSize) !== 0n, `its virtual size (${size}) is not in whole sectors`);
  const offset = bytes.readBigUInt64BE(16);
  image.refuse(type === 'dynamic' && offset + 1024n > BigInt(image.size), 'its header is not in the file');
  return {
    type,
    size: Number(size),
    headerOffset: type === 'dynamic' ? Number(offset) : 0,
    time: bytes.readUInt32BE(24) + year2000,
    creator: bytes
      .toString('latin1', 28, 32)
      .replaceAll(/[^ -~]/g, '')
      .trim(),
    uuid: bytes.subarray(68, 84),
  };
}
