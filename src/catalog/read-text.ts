import type { Store } from '../model/store.ts';
import { AppError } from '../util/errors.ts';

/** No index, manifest or list comes near it. */
const maxTextBytes = 64 * 2 ** 20;

/** A small object as text. @throws AppError NOT_FOUND, STORE_FAILED; IMAGE_INVALID when it is larger than any such thing should be */
export async function readText(store: Store, key: string, maxBytes = maxTextBytes): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of await store.get(key)) {
    chunks.push(chunk as Buffer);
    size += (chunk as Buffer).length;
    if (size > maxBytes) throw new AppError('IMAGE_INVALID', `${key} in ${store.url} is larger than ${maxBytes} bytes`);
  }
  return Buffer.concat(chunks).toString('utf8');
}
