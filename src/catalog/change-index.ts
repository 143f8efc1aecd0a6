import type { CatalogOptions, TemplateIndex } from '../model/catalog.ts';
import type { Store } from '../model/store.ts';
import { AppError, errorTable } from '../util/errors.ts';
import { retry } from '../util/retry.ts';
import { type Change, changeByRecords } from './change-by-records.ts';
import { emptyIndex, readIndex, writeIndex } from './index-file.ts';
import { indexKey } from './keys.ts';

/**
 * Changes the index of a template: by compare-and-set where the store honours conditions, else by records of changes that cannot get
 * lost. An answer that was lost does no harm: the index is read again, and `change` finds its work done. Its errors end it at once.
 */
export async function changeIndex(
  store: Store,
  template: string,
  change: Change,
  options: CatalogOptions = {},
  signal?: AbortSignal,
): Promise<TemplateIndex> {
  const honours = await store.conditionalWrites();
  if (!honours.ifMatch || !honours.ifAbsent) {
    return changeByRecords(store, template, change, { ...options, ifAbsent: honours.ifAbsent, signal });
  }
  let unsure = 0;
  return retry(() => attempt(store, template, change, options, signal), {
    attempts: 50,
    delayMs: 5,
    maxDelayMs: 1000,
    signal,
    retryable: (error) => {
      if (error instanceof Unsure) unsure += 1;
      return error instanceof LostRace || (error instanceof Unsure && unsure <= 1);
    },
  }).catch((error: unknown) => {
    throw error instanceof LostRace || error instanceof Unsure ? error.cause : error;
  });
}

/** Somebody else wrote between our read and our write; unlike other conflicts, this one is cured by reading again. */
class LostRace extends Error {}
/** The write failed, or only its answer was lost: what is there now tells. */
class Unsure extends Error {}

async function attempt(
  store: Store,
  template: string,
  change: Change,
  options: CatalogOptions,
  signal: AbortSignal | undefined,
): Promise<TemplateIndex> {
  // The tag is read before the text: a text that is younger than its tag only makes the write fail.
  const tag = (await store.head(indexKey(template)))?.etag;
  const before = (await readIndex(store, template, options, 'change')) ?? emptyIndex(template);
  const after = change(before);
  if (after === before) return before;
  try {
    return await writeIndex(store, before, after, options, tag === undefined ? { ifAbsent: true } : { ifMatch: tag }, signal);
  } catch (error) {
    if (error instanceof AppError && error.code === 'CONFLICT') throw new LostRace('index', { cause: error });
    if (error instanceof AppError && errorTable[error.code].retry) throw new Unsure('index', { cause: error });
    throw error;
  }
}
