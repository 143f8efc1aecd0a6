import { keysKey } from '../model/key-set.ts';
import type { Store } from '../model/store.ts';
import { digestOf } from '../util/digest.ts';
import { AppError } from '../util/errors.ts';
import { retry } from '../util/retry.ts';
import { type ChainLink, chainText, parseChain } from './key-chain.ts';

/** More is no list of keys, but somebody who wants to fill our memory. */
const maxBytes = 4 * 1024 * 1024;

/** The chain of keys in a store, empty when there is none. @throws AppError IMAGE_INVALID, STORE_FAILED */
export async function readChain(store: Store, signal?: AbortSignal): Promise<ChainLink[]> {
  const where = `${keysKey} in ${store.url}`;
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of await store.get(keysKey, signal)) {
      bytes += (chunk as Buffer).length;
      if (bytes > maxBytes) throw new AppError('IMAGE_INVALID', `${where} has more than ${maxBytes} bytes: it is refused`);
      chunks.push(chunk as Buffer);
    }
  } catch (error) {
    if (error instanceof AppError && error.code === 'NOT_FOUND') return [];
    throw error;
  }
  return parseChain(Buffer.concat(chunks).toString(), where);
}

/** The chain of a store; when it has none, one that begins with `first`, unless somebody else was faster. */
export async function readOrBeginChain(store: Store, first: () => ChainLink, signal?: AbortSignal): Promise<ChainLink[]> {
  return retry(() => changeChain(store, (found) => (found.length > 0 ? found : [first()]), signal), {
    attempts: 5,
    delayMs: 10,
    maxDelayMs: 200,
    signal,
    retryable: (error) => error instanceof AppError && error.code === 'CONFLICT',
  });
}

/**
 * Changes the chain of a store by compare-and-set: `change` gets what is there and returns a longer one.
 * @throws AppError CONFLICT when somebody else changed it meanwhile
 */
export async function changeChain(
  store: Store,
  change: (chain: ChainLink[]) => ChainLink[],
  signal?: AbortSignal,
): Promise<ChainLink[]> {
  // The tag is read before the text: a text that is younger than its tag only makes the write fail.
  const tag = (await store.head(keysKey))?.etag;
  const before = await readChain(store, signal);
  const after = change(before);
  if (after === before) return before;
  const bytes = Buffer.from(chainText(after));
  const condition = tag === undefined ? { ifAbsent: true } : { ifMatch: tag };
  await store.put(keysKey, { bytes }, { digest: digestOf(bytes), size: bytes.length, signal, ...condition });
  return after;
}
