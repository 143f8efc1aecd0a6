import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import type { PutSource, TransferOptions } from '../../model/store.ts';
import { AppError, errnoOf } from '../../util/errors.ts';

const chunkBytes = 2 ** 20;

/**
 * Passes a source on, chunk by chunk, and fails at its end unless size and digest are the announced ones: whoever consumes it must
 * not publish what it wrote before the end has come.
 * @throws AppError DIGEST_MISMATCH, CANCELLED; NOT_FOUND when there is no such file
 */
export function verifiedSource(key: string, source: PutSource, options: TransferOptions): AsyncGenerator<Buffer> {
  return verifiedBody(key, chunksOf(key, source), options);
}

/** The same for bytes that come from a store. */
export async function* verifiedBody(
  key: string,
  body: AsyncIterable<Uint8Array | string>,
  options: TransferOptions,
): AsyncGenerator<Buffer> {
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const piece of body) {
    if (options.signal?.aborted) throw new AppError('CANCELLED', `Cancelled on the way of ${key}`);
    const chunk = bufferOf(piece);
    bytes += chunk.length;
    if (bytes > options.size) break;
    hash.update(chunk);
    yield chunk;
    options.onProgress?.(bytes);
  }
  refuseOther(key, bytes, hash.digest('hex'), options);
}

/** @throws AppError DIGEST_MISMATCH unless size and SHA-256 (hex) are the announced ones */
export function refuseOther(key: string, bytes: number, sha256: string, announced: { digest: string; size: number }): void {
  if (bytes !== announced.size) {
    const found = bytes > announced.size ? `more than ${announced.size}` : `${bytes} instead of ${announced.size}`;
    throw new AppError('DIGEST_MISMATCH', `${key} has ${found} bytes: nothing was stored`);
  }
  if (`sha256:${sha256}` !== announced.digest) {
    throw new AppError(
      'DIGEST_MISMATCH',
      `${key} has the digest sha256:${sha256} instead of ${announced.digest}: nothing was stored`,
    );
  }
}

async function* chunksOf(key: string, source: PutSource): AsyncGenerator<Buffer> {
  if ('bytes' in source) {
    const bytes = bufferOf(source.bytes);
    for (let at = 0; at < bytes.length; at += chunkBytes) yield bytes.subarray(at, at + chunkBytes);
    return;
  }
  try {
    yield* createReadStream(source.path, { highWaterMark: chunkBytes }) as AsyncIterable<Buffer>;
  } catch (cause) {
    throw errnoOf(cause) === 'ENOENT' ? noSuchSource(key, source.path, cause) : cause;
  }
}

/** @returns the error for a file to be stored that is not there */
export function noSuchSource(key: string, path: string, cause: unknown): AppError {
  return new AppError('NOT_FOUND', `There is no file ${path} to store as ${key}`, { cause });
}

function bufferOf(piece: Uint8Array | string): Buffer {
  return typeof piece === 'string' ? Buffer.from(piece) : Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength);
}
