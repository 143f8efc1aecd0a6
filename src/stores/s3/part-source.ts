import { open } from 'node:fs/promises';
import type { PutSource } from '../../model/store.ts';
import { AppError, errnoOf } from '../../util/errors.ts';
import { noSuchSource } from '../shared/verified-body.ts';

/** Reads ranges of what is to be stored. */
export interface PartSource extends AsyncDisposable {
  /** Fills the buffer from `start`; the returned part of it is shorter where the source ends. */
  read(start: number, into: Buffer): Promise<Buffer>;
}

/** @throws AppError NOT_FOUND when there is no such file */
export async function openSource(key: string, source: PutSource): Promise<PartSource> {
  if ('bytes' in source) {
    const { buffer, byteOffset, byteLength } = source.bytes;
    const bytes = Buffer.from(buffer, byteOffset, byteLength);
    return {
      read: async (start, into) => into.subarray(0, bytes.copy(into, 0, start)),
      [Symbol.asyncDispose]: async () => undefined,
    };
  }
  const file = await open(source.path, 'r').catch((cause: unknown) => {
    throw errnoOf(cause) === 'ENOENT' ? noSuchSource(key, source.path, cause) : cause;
  });
  async function read(start: number, into: Buffer): Promise<Buffer> {
    let at = 0;
    while (at < into.length) {
      const { bytesRead } = await file.read(into, at, into.length - at, start + at);
      if (bytesRead === 0) break;
      at += bytesRead;
    }
    return into.subarray(0, at);
  }
  return { read, [Symbol.asyncDispose]: () => file.close() };
}

/** All of a small source. @throws AppError DIGEST_MISMATCH when it has another size */
export async function readAll(key: string, source: PutSource, size: number): Promise<Buffer> {
  await using opened = await openSource(key, source);
  // One byte more than announced shows that there is more.
  const bytes = await opened.read(0, Buffer.allocUnsafe(size + 1));
  if (bytes.length === size) return bytes;
  const found = bytes.length > size ? `more than ${size}` : `${bytes.length} instead of ${size}`;
  throw new AppError('DIGEST_MISMATCH', `${key} has ${found} bytes: nothing was stored`);
}
