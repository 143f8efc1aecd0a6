import type { BlockSource } from '../../model/format.ts';
import { AppError } from '../../util/errors.ts';
import { checkRange } from './bounds.ts';
import { dataExtents, type Extent, extentsIn } from './extents.ts';
import { openImage } from './open-image.ts';
import { readUpTo } from './read-exactly.ts';

/** Opens a raw disk that is `size` bytes large, its file's own size by default; what lies past the end of the file is zero. */
export async function openDisk(path: string, size?: number, signal?: AbortSignal): Promise<BlockSource> {
  const { file, size: fileSize } = await openImage(path);
  const diskSize = size ?? fileSize;
  let extents: Promise<Extent[]> | undefined;
  return {
    size: diskSize,
    async read(offset, length) {
      checkRange(path, diskSize, offset, length);
      const inFile = Math.max(0, Math.min(length, fileSize - offset));
      const bytes = await readUpTo(file, offset, inFile);
      if (bytes.length < inFile) throw new AppError('IMAGE_INVALID', `${path} became shorter while it was read`);
      return inFile === length ? bytes : Buffer.concat([bytes, Buffer.alloc(length - inFile)]);
    },
    async dataIn(offset, length) {
      extents ??= dataExtents(path, signal);
      return extentsIn(await extents, offset, length);
    },
    close: () => file.close(),
  };
}
