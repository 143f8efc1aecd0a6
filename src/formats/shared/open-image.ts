import { type FileHandle, open, stat } from 'node:fs/promises';
import { AppError, errnoOf, toAppError } from '../../util/errors.ts';

/** Opens an image file for reading; devices, pipes and folders are no images. @throws AppError NOT_FOUND, IMAGE_INVALID */
export async function openImage(path: string): Promise<{ file: FileHandle; size: number }> {
  try {
    // Before the opening, which would wait for ever on a pipe.
    if (!(await stat(path)).isFile()) throw new AppError('IMAGE_INVALID', `${path} is not a regular file`);
    const file = await open(path, 'r');
    const { size } = await file.stat();
    return { file, size };
  } catch (error) {
    throw toAppError(error, errnoOf(error) === 'ENOENT' ? 'NOT_FOUND' : 'IMAGE_INVALID', `Opening ${path}`);
  }
}
