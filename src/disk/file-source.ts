import { open } from 'node:fs/promises';
import type { BlockSource } from '../model/format.ts';
import { AppError } from '../util/errors.ts';

/** A file's own bytes. @throws AppError IMAGE_INVALID when it ends before what is read, NOT_FOUND */
export async function fileSource(path: string): Promise<BlockSource & AsyncDisposable> {
  const file = await open(path, 'r').catch((cause: unknown) => {
    throw new AppError('NOT_FOUND', `${path} cannot be read`, { cause });
  });
  const { size } = await file.stat();
  return {
    size,
    async read(offset, length) {
      const bytes = Buffer.alloc(length);
      let done = 0;
      while (done < length) {
        const { bytesRead } = await file.read(bytes, done, length - done, offset + done);
        if (bytesRead === 0) throw new AppError('IMAGE_INVALID', `${path} ends before byte ${offset + length}`);
        done += bytesRead;
      }
      return bytes;
    },
    close: () => file.close(),
    [Symbol.asyncDispose]: () => file.close(),
  };
}
