import { stat } from 'node:fs/promises';
import type { Built } from '../../model/engine.ts';
import { AppError } from '../../util/errors.ts';

/** Disks count in sectors. */
export const sectorSize = 512;

/**
 * The virtual size in whole sectors, or in whole multiples of `unit` where a format wants that: the disk then ends with more zeros.
 * @throws AppError BUILD_FAILED when the disk does not fit in it
 */
export async function diskSize({ disk, virtualSize }: Pick<Built, 'disk' | 'virtualSize'>, unit = sectorSize): Promise<number> {
  const size = Math.ceil(virtualSize / sectorSize) * sectorSize;
  const { size: fileSize } = await stat(disk);
  if (size === 0 || fileSize > size) {
    throw new AppError('BUILD_FAILED', `${disk} has ${fileSize} bytes and does not fit a disk of ${size} bytes`);
  }
  return Math.ceil(size / unit) * unit;
}

/** @throws AppError IMAGE_INVALID when a range is not inside a disk: so reads whoever follows damaged data in it */
export function checkRange(path: string, size: number, offset: number, length: number): void {
  if (Number.isSafeInteger(offset) && Number.isSafeInteger(length) && offset >= 0 && length >= 0 && offset + length <= size)
    return;
  throw new AppError('IMAGE_INVALID', `${path}: there are no ${length} bytes at ${offset}, the disk ends at ${size}`);
}
