import type { RootfsSubject } from '../model/check.ts';
import type { BlockSource, Format } from '../model/format.ts';
import { openExt4 } from './ext4-rootfs.ts';
import { freeSpaceLeaks } from './free-space.ts';
import { findRootPartition } from './root-partition.ts';

/** What an image itself gives to the offline checks. */
export type ImageSubject = Omit<RootfsSubject, 'plan' | 'artifacts'>;

/** Finds the root file system of a disk. @throws AppError IMAGE_INVALID */
export async function openDisk(source: BlockSource): Promise<ImageSubject> {
  const root = await findRootPartition(source);
  const rootfs = await openExt4(source, root.offset, root.size);
  return { rootfs, freeSpaceLeaks: (signal) => freeSpaceLeaks(source, root, rootfs, signal) };
}

/** Opens a disk image for the offline checks: read-only, by its own bytes. `close` ends it. @throws AppError IMAGE_INVALID */
export async function openImage(
  path: string,
  format: Pick<Format, 'open'>,
): Promise<{ subject: ImageSubject; close(): Promise<void> }> {
  const source = await format.open(path);
  try {
    return { subject: await openDisk(source), close: () => source.close() };
  } catch (error) {
    await source.close();
    throw error;
  }
}
