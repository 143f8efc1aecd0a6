import { createHash } from 'node:crypto';
import type { PutSource, Store } from '../model/store.ts';
import { AppError } from '../util/errors.ts';

/** Bytes on their way to a key that is never written twice. */
export interface Upload {
  key: string;
  size: number;
  digest: string;
  source: PutSource;
}

/**
 * Writes an object unless it is there already with the same bytes, which the store can tell, or which are read back.
 * @throws AppError CONFLICT when other bytes are there
 */
export async function putOnce(
  store: Store,
  upload: Upload,
  options: { signal?: AbortSignal | undefined; onProgress: (bytes: number) => void },
): Promise<void> {
  const { key, size, digest, source } = upload;
  if (!(await store.head(key))) {
    try {
      await store.put(key, source, { digest, size, ifAbsent: true, signal: options.signal, onProgress: options.onProgress });
      return;
    } catch (error) {
      // Another publisher of the same image was faster: then what counts is what is there.
      if (!(error instanceof AppError && error.code === 'CONFLICT')) throw error;
    }
  }
  if (await store.holds?.(key, source, { digest, size, signal: options.signal })) {
    options.onProgress(size);
    return;
  }
  const found = await digestIn(store, key, options.signal);
  if (found !== digest) {
    throw new AppError('CONFLICT', `${key} in ${store.url} has the digest ${found} instead of ${digest}`, {
      hint: 'Nobody changes published objects: find out who did, and delete that object.',
    });
  }
  options.onProgress(size);
}

async function digestIn(store: Store, key: string, signal: AbortSignal | undefined): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of await store.get(key, signal)) hash.update(chunk as Buffer);
  return `sha256:${hash.digest('hex')}`;
}
