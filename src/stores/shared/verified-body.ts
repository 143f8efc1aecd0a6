import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';
import type { PutOptions } from '../../model/store.ts';
import { AppError } from '../../util/errors.ts';

/**
 * Passes a body on, chunk by chunk, and fails at its end unless size and digest are the announced ones: whoever consumes it must
 * not publish what it wrote before the end has come.
 * @throws AppError DIGEST_MISMATCH, CANCELLED
 */
export async function* verifiedBody(key: string, body: Readable, options: PutOptions): AsyncGenerator<Buffer> {
  const hash = createHash('sha256');
  let bytes = 0;
  try {
    for await (const piece of body) {
      if (options.signal?.aborted) throw new AppError('CANCELLED', `Cancelled while writing ${key}`);
      const chunk: Buffer = typeof piece === 'string' ? Buffer.from(piece) : (piece as Buffer);
      bytes += chunk.length;
      if (bytes > options.size) break;
      hash.update(chunk);
      yield chunk;
      options.onProgress?.(bytes);
    }
  } finally {
    body.destroy();
  }
  if (bytes !== options.size) {
    const found = bytes > options.size ? `more than ${options.size}` : `${bytes} instead of ${options.size}`;
    throw new AppError('DIGEST_MISMATCH', `${key} has ${found} bytes: nothing was stored`);
  }
  const digest = `sha256:${hash.digest('hex')}`;
  if (digest !== options.digest) {
    throw new AppError('DIGEST_MISMATCH', `${key} has the digest ${digest} instead of ${options.digest}: nothing was stored`);
  }
}
