import { readFile } from 'node:fs/promises';
import * as fc from 'fast-check';
import { qcow2, vhd, vhdFixed, vmdk, vmdkSparse } from '../src/formats/index.ts';
import { readQcow2 } from '../src/formats/qcow2/read.ts';
import { qcow2With } from '../src/formats/qcow2.ts';
import { ImageBytes } from '../src/formats/shared/image-bytes.ts';
import { readVmdk } from '../src/formats/shared/vmdk/read.ts';
import { checksumOf } from '../src/formats/vhd/checksum.ts';
import { readVhd } from '../src/formats/vhd/read.ts';
import type { BlockSource, Format } from '../src/model/format.ts';
import { AppError } from '../src/util/errors.ts';
import { builtOf, type Disk, testFolder, vmOf, writeDisk } from './disks.ts';

/** A format's reader, and where the structure lies in an image of `fuzzedDisk`: there most damage is done. */
export interface FuzzSubject {
  name: string;
  format: Format;
  read(image: ImageBytes): Promise<BlockSource>;
  structure(image: Buffer): { start: number; length: number }[];
  /** Makes the checksums right again, so that what they protect is read. */
  reseal?(image: Buffer): void;
  /** Whether the image says where it ends: then more bytes must be refused. */
  hasEnd: boolean;
}

const sector = 512;

export const fuzzSubjects: FuzzSubject[] = [
  qcow2Subject('qcow2', qcow2),
  qcow2Subject('qcow2, deflate', qcow2With({ type: 'deflate', level: 3 })),
  {
    name: 'vhd',
    format: vhd,
    read: readVhd,
    structure: (image) => [
      { start: 0, length: 88 },
      { start: sector, length: 64 },
      { start: 3 * sector, length: 4 * 4 },
      { start: 4 * sector, length: sector },
      { start: image.length - sector, length: 88 },
    ],
    reseal(image) {
      const footer = image.subarray(image.length - sector);
      for (const bytes of [footer, image.subarray(0, sector)]) bytes.writeUInt32BE(checksumOf(bytes, 64), 64);
      const header = image.subarray(sector, 3 * sector);
      header.writeUInt32BE(checksumOf(header, 36), 36);
    },
    hasEnd: true,
  },
  {
    name: 'vhd-fixed',
    format: vhdFixed,
    read: readVhd,
    structure: (image) => [{ start: image.length - sector, length: 88 }],
    reseal(image) {
      const footer = image.subarray(image.length - sector);
      footer.writeUInt32BE(checksumOf(footer, 64), 64);
    },
    hasEnd: true,
  },
  {
    name: 'vmdk',
    format: vmdk,
    read: readVmdk,
    structure: (image) => [
      { start: 0, length: 79 },
      { start: sector, length: 400 },
      { start: 128 * sector, length: 64 },
      // Behind the grains: table, directory, footer, each with its marker, and the end.
      { start: image.length - 10 * sector, length: 10 * sector },
    ],
    hasEnd: true,
  },
  {
    name: 'vmdk-sparse',
    format: vmdkSparse,
    read: readVmdk,
    structure: () => [
      { start: 0, length: 79 },
      { start: sector, length: 400 },
      { start: 21 * sector, length: 10 * sector },
    ],
    hasEnd: true,
  },
];

function qcow2Subject(name: string, format: Format): FuzzSubject {
  return {
    name,
    format,
    read: readQcow2,
    structure: (image) => [
      { start: 0, length: 112 },
      { start: 65_536, length: 8 },
      { start: Number(image.readBigUInt64BE(65_536) & 0xff_ffff_fe00n), length: 16 * 8 },
    ],
    hasEnd: false,
  };
}

const fuzzedDisk: Disk = {
  size: 5 * 2 ** 20,
  pieces: [
    { kind: 'text', offset: 0, length: 200_000 },
    { kind: 'noise', offset: 4_400_000, length: 150_000 },
  ],
};

/** An image of a small disk, in memory. */
export async function smallImage(format: Format): Promise<Buffer> {
  await using folder = await testFolder();
  await writeDisk(folder.file('disk'), fuzzedDisk);
  await format.write(builtOf(folder.file('disk'), fuzzedDisk.size), folder.file('image'), folder.ctx(), vmOf());
  return await readFile(folder.file('image'));
}

/** More than anything honest needs for the reads below: whoever reads so much was led astray. */
const mostBytesRead = 64 * 2 ** 20;

/**
 * Opens an image in memory and reads a few places all over; true when that worked, false when it was refused in the proper way.
 * @throws whatever else comes out, and when far too much is read
 */
export async function survives({ read }: Pick<FuzzSubject, 'read'>, image: Buffer): Promise<boolean> {
  let bytesRead = 0;
  const bytes = new ImageBytes(
    { path: 'image', kind: 'fuzzed', size: image.length },
    {
      readUpTo(offset, length) {
        bytesRead += length;
        if (bytesRead > mostBytesRead) throw new RangeError(`the reader reads without end`);
        return Promise.resolve(image.subarray(offset, offset + length));
      },
    },
  );
  try {
    const source = await read(bytes);
    for (const at of [0, 0.03, 0.86, 0.999]) {
      const offset = Math.floor(source.size * at);
      await source.read(offset, Math.min(20_000, source.size - offset));
    }
    const data = (await source.dataIn?.(0, Math.min(source.size, 2 ** 30))) ?? [];
    if (data.some(({ length }) => length <= 0)) throw new RangeError('data of no length');
    return true;
  } catch (error) {
    if (error instanceof AppError && error.code === 'IMAGE_INVALID') return false;
    throw error;
  }
}

/** Damages an image in `runs` ways, most of them where its structure lies, and counts how its reader took it. */
export async function fuzz(subject: FuzzSubject, runs: number): Promise<{ read: number; refused: number }> {
  const original = await smallImage(subject.format);
  const image = Buffer.from(original);
  const near = ({ start, length }: { start: number; length: number }): fc.Arbitrary<number> =>
    fc.integer({ min: start, max: Math.min(start + length, image.length) - 1 });
  const position = fc.oneof(...[...subject.structure(image), { start: 0, length: image.length }].map(near));
  const value = fc.oneof(fc.nat(255), fc.constantFrom(0, 1, 2, 3, 0x7f, 0x80, 0xfe, 0xff));
  const changes = fc.array(fc.tuple(position, value), { minLength: 1, maxLength: 6 });
  const seen = { read: 0, refused: 0 };
  const property = fc.asyncProperty(changes, fc.boolean(), async (bytes, isResealed) => {
    // Reset by pieces: copying a whole image ten thousand times would take longer than reading it.
    for (const [at, byte] of bytes) image[at] = byte;
    if (isResealed) subject.reseal?.(image);
    try {
      seen[(await survives(subject, image)) ? 'read' : 'refused'] += 1;
    } finally {
      for (const [at] of bytes) image[at] = original[at] ?? 0;
      if (isResealed) subject.reseal?.(image);
    }
  });
  await fc.assert(property, { numRuns: runs });
  return seen;
}
