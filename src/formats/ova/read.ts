import type { BlockSource, OpenOptions } from '../../model/format.ts';
import { bytesIn } from '../shared/image-bytes.ts';
import { openImage } from '../shared/open-image.ts';
import { readVmdk } from '../shared/vmdk/read.ts';
import { invalidOva } from './invalid.ts';
import { readPackage } from './package.ts';

/** Opens a disk of an OVA for reading, where it lies. @throws AppError NOT_FOUND, IMAGE_INVALID */
export async function openOva(path: string, { disk = 0 }: OpenOptions = {}): Promise<BlockSource> {
  const { file, size } = await openImage(path);
  try {
    const { disks } = await readPackage(path, file, size);
    const found = disks[disk];
    if (!found) throw invalidOva(path, disks.length === 0 ? 'it has no disk' : `it has no disk ${disk}, only ${disks.length}`);
    return await readVmdk(bytesIn(path, 'VMDK', file, found.position, found.size));
  } catch (error) {
    await file.close();
    throw error;
  }
}
