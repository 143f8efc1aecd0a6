import { AppError } from '../../../util/errors.ts';
import { sectorSize } from '../bounds.ts';

/** A place in the file as tables name it. @throws AppError BUILD_FAILED when it is too far behind */
export function sectorAt(position: number): number {
  const sector = position / sectorSize;
  if (sector < 2 ** 32) return sector;
  throw new AppError('BUILD_FAILED', 'The disk has too much data for a VMDK in one file, which ends at 2 TiB', {
    hint: 'Write another format.',
  });
}
