import { writeSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import type { Built } from '../../model/engine.ts';
import { formatSize } from '../../model/size.ts';
import type { StepContext } from '../../model/step.ts';
import type { VmDescription } from '../../model/vm-description.ts';
import { AppError, toAppError } from '../../util/errors.ts';
import { writeAll } from '../shared/append-file.ts';
import { diskSize, sectorSize } from '../shared/bounds.ts';
import { copyUnits, unitSize } from '../shared/copy-units.ts';
import { Fingerprint } from '../shared/fingerprint.ts';
import { encodeFooter, maxVhdSize, type VhdType } from './footer.ts';
import { encodeHeader, headerSize, noBlock } from './header.ts';

/** Azure refuses other sizes, and storage of XenServer rounds up to it. */
export const sizeUnit = 2 ** 20;
/** The size that every reader knows. */
export const blockSize = 2 * 2 ** 20;
const blockUnits = blockSize / unitSize;
/** One bit for each sector of a block, all set: QEMU does not look at them, and clear ones make Xen slower when it writes. */
export const bitmap = Buffer.alloc(blockSize / sectorSize / 8, 0xff);
export const tableOffset = sectorSize + headerSize;

/** Writes a VHD. Its id and its time come from the build. @throws AppError BUILD_FAILED when the disk is too large for the format */
export async function writeVhd(type: VhdType, built: Built, path: string, ctx: StepContext, vm: VmDescription): Promise<void> {
  try {
    const size = await diskSize(built, sizeUnit);
    refuseTooLarge(size);
    const print = new Fingerprint(vm);
    await using file = await open(path, 'w');
    const body = type === 'dynamic' ? new DynamicBody(file, size) : new FixedBody(file, size);
    await copyUnits(built, file, ctx, (unit, bytes) => {
      print.add(unit, bytes);
      return body.place(unit);
    });
    await body.finish(encodeFooter({ type, size, time: built.sourceDateEpoch, uuid: uuidOf(print) }));
  } catch (error) {
    throw toAppError(error, 'BUILD_FAILED', `Writing ${path} as VHD`);
  }
}

/** @throws AppError BUILD_FAILED */
export function refuseTooLarge(size: number): void {
  if (size <= maxVhdSize) return;
  throw new AppError('BUILD_FAILED', `A disk of ${formatSize(size)} is too large for a VHD, which ends at 2040 GiB`, {
    hint: 'Make disk.size smaller, or write another format.',
  });
}

/** A UUID (RFC 9562, version 8) of the content. */
function uuidOf(print: Fingerprint): Buffer {
  const uuid = print.digest().subarray(0, 16);
  uuid[6] = ((uuid[6] ?? 0) & 0x0f) | 0x80;
  uuid[8] = ((uuid[8] ?? 0) & 0x3f) | 0x80;
  return uuid;
}

interface Body {
  place(unit: number): number;
  finish(footer: Buffer): Promise<void>;
}

/** The disk as it is, and the footer behind it. */
class FixedBody implements Body {
  readonly #file: FileHandle;
  readonly #size: number;

  constructor(file: FileHandle, size: number) {
    this.#file = file;
    this.#size = size;
  }

  place(unit: number): number {
    return unit * unitSize;
  }

  finish(footer: Buffer): Promise<void> {
    return writeAll(this.#file, footer, this.#size);
  }
}

/** Footer, header, block table, the blocks that are not zero in the order of the disk (as XAPI reads them in one go), footer. */
class DynamicBody implements Body {
  readonly #file: FileHandle;
  /** Where each block begins, in sectors. */
  readonly #blocks: Uint32Array;
  readonly #tableSize: number;
  #end: number;

  constructor(file: FileHandle, size: number) {
    this.#file = file;
    this.#blocks = new Uint32Array(Math.ceil(size / blockSize)).fill(noBlock);
    this.#tableSize = Math.ceil((this.#blocks.length * 4) / sectorSize) * sectorSize;
    this.#end = tableOffset + this.#tableSize;
  }

  place(unit: number): number {
    const block = Math.floor(unit / blockUnits);
    if (this.#blocks[block] === noBlock) {
      this.#blocks[block] = this.#end / sectorSize;
      this.#end += bitmap.length + blockSize;
    }
    return (this.#blocks[block] ?? 0) * sectorSize + bitmap.length + (unit % blockUnits) * unitSize;
  }

  async finish(footer: Buffer): Promise<void> {
    const table = Buffer.alloc(this.#tableSize, 0xff);
    for (const [index, sector] of this.#blocks.entries()) {
      table.writeUInt32BE(sector, index * 4);
      // Tiny writes into the page cache: handing each to another thread would take ten times as long.
      if (sector !== noBlock) writeSync(this.#file.fd, bitmap, 0, bitmap.length, sector * sectorSize);
    }
    const header = encodeHeader({ tableOffset, entries: this.#blocks.length, blockSize });
    await writeAll(this.#file, Buffer.concat([footer, header, table]), 0);
    await writeAll(this.#file, footer, this.#end);
  }
}
