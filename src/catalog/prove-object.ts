import { createHash } from 'node:crypto';
import type { Store } from '../model/store.ts';
import { AppError } from '../util/errors.ts';

/**
 * Reads an object to its end and compares it with what was promised of it, without keeping it.
 * @throws AppError DIGEST_MISMATCH, as soon as one byte is too many; NOT_FOUND
 */
export async function proveObject(
  store: Store,
  object: { key: string; size: number; digest: string },
  options: { signal?: AbortSignal | undefined; onProgress?: (bytes: number) => void } = {},
): Promise<void> {
  const { key, size, digest } = object;
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const chunk of await store.get(key, options.signal)) {
    bytes += (chunk as Buffer).length;
    if (bytes > size)
      throw new AppError('DIGEST_MISMATCH', `${key} in ${store.url} has more than the ${size} bytes of its manifest`);
    hash.update(chunk as Buffer);
    options.onProgress?.(bytes);
  }
  if (bytes < size) throw new AppError('DIGEST_MISMATCH', `${key} in ${store.url} has ${bytes} bytes, its manifest says ${size}`);
  const found = `sha256:${hash.digest('hex')}`;
  if (found !== digest)
    throw new AppError('DIGEST_MISMATCH', `${key} in ${store.url} has the digest ${found}, its manifest says ${digest}`);
}
