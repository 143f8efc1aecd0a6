import { type TemplateIndex, templateIndexSchema } from '../model/catalog.ts';
import type { Store } from '../model/store.ts';
import { digestOf } from '../util/digest.ts';
import { AppError } from '../util/errors.ts';
import { retry } from '../util/retry.ts';
import { indexKey } from './keys.ts';
import { parseDocument } from '../model/document.ts';
import { readText } from './read-text.ts';

/** The index of a template, or undefined when nothing of it was published. @throws AppError IMAGE_INVALID, STORE_FAILED */
export async function readIndex(store: Store, template: string): Promise<TemplateIndex | undefined> {
  const key = indexKey(template);
  try {
    return parseDocument(await readText(store, key), templateIndexSchema, 'gabarit.index/1', `${key} in ${store.url}`);
  } catch (error) {
    if (error instanceof AppError && error.code === 'NOT_FOUND') return undefined;
    throw error;
  }
}

/**
 * Changes the index of a template by compare-and-set: `change` gets what is there now and returns what shall be, or the same
 * object when nothing need be done. It is called again when somebody else was faster. Its errors end it at once.
 */
export async function changeIndex(
  store: Store,
  template: string,
  change: (index: TemplateIndex) => TemplateIndex,
  signal?: AbortSignal,
): Promise<TemplateIndex> {
  return retry(() => attempt(store, template, change, signal), {
    attempts: 50,
    delayMs: 5,
    maxDelayMs: 1000,
    signal,
    retryable: (error) => error instanceof LostRace,
  }).catch((error: unknown) => {
    throw error instanceof LostRace ? error.cause : error;
  });
}

/** Somebody else wrote between our read and our write; unlike other conflicts, this one is cured by reading again. */
class LostRace extends Error {}

async function attempt(
  store: Store,
  template: string,
  change: (index: TemplateIndex) => TemplateIndex,
  signal: AbortSignal | undefined,
): Promise<TemplateIndex> {
  const key = indexKey(template);
  // The tag is read before the text: a text that is younger than its tag only makes the write fail.
  const tag = (await store.head(key))?.etag;
  const index = await readIndex(store, template);
  const before = index ?? { schema: 'gabarit.index/1', template, images: [], channels: {} };
  const after = change(before);
  if (after === before) return before;
  const bytes = Buffer.from(`${JSON.stringify(after, null, 2)}\n`);
  const condition = tag === undefined ? { ifAbsent: true } : { ifMatch: tag };
  try {
    await store.put(key, { bytes }, { digest: digestOf(bytes), size: bytes.length, signal, ...condition });
  } catch (error) {
    if (error instanceof AppError && error.code === 'CONFLICT') throw new LostRace('index', { cause: error });
    throw error;
  }
  return after;
}
