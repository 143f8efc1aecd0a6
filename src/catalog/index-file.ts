import type { CatalogOptions, TemplateIndex } from '../model/catalog.ts';
import type { Store } from '../model/store.ts';
import { digestOf } from '../util/digest.ts';
import { AppError } from '../util/errors.ts';
import { digestOfIndex, type OpenedIndex, openIndex, sealDocument } from './index-document.ts';
import { historyKey, historyPrefix, indexKey } from './keys.ts';
import { readText } from './read-text.ts';

const dayMs = 24 * 3600 * 1000;
/** How long an index is good for, unless it is written again. */
const validDays = 30;
/** Old indexes that are kept. */
const historyLength = 20;

/** The index of a template, or undefined when nothing of it was published. @throws AppError IMAGE_INVALID, SIGNATURE_INVALID, STORE_FAILED */
export async function readIndex(
  store: Store,
  template: string,
  options: CatalogOptions = {},
  purpose: 'read' | 'change' = 'read',
): Promise<TemplateIndex | undefined> {
  const opened = await readOpened(store, template, options);
  if (opened) await judge(opened, purpose, options);
  return opened?.index;
}

async function readOpened(store: Store, template: string, options: CatalogOptions): Promise<OpenedIndex | undefined> {
  const key = indexKey(template);
  try {
    return openIndex(await readText(store, key), template, `${key} in ${store.url}`, options.trust);
  } catch (error) {
    if (error instanceof AppError && error.code === 'NOT_FOUND') return undefined;
    throw error;
  }
}

async function judge(
  { index, digest, signedBy }: OpenedIndex,
  purpose: 'read' | 'change',
  options: CatalogOptions,
): Promise<void> {
  await options.onIndex?.(index, { digest, signedBy, purpose });
}

export function emptyIndex(template: string): TemplateIndex {
  const never = new Date(0).toISOString();
  return {
    schema: 'gabarit.index/1',
    template,
    sequence: 0,
    updated: never,
    expires: never,
    previous: [],
    images: [],
    channels: {},
    proposals: [],
  };
}

export type Condition = { ifAbsent: true } | { ifMatch: string } | Record<string, never>;

/** Writes an index as the successor of another one, and keeps a copy of it among the old ones. */
export async function writeIndex(
  store: Store,
  before: TemplateIndex,
  after: TemplateIndex,
  options: CatalogOptions,
  condition: Condition,
  signal: AbortSignal | undefined,
  sequence = before.sequence + 1,
): Promise<TemplateIndex> {
  if (options.trust && !options.signer) throw noKey(store, after.template);
  const now = options.now?.() ?? new Date();
  const next: TemplateIndex = {
    ...after,
    sequence,
    updated: now.toISOString(),
    expires: new Date(now.getTime() + validDays * dayMs).toISOString(),
    previous: before.sequence === 0 ? [] : [digestOfIndex(before)],
  };
  const bytes = await sealDocument(next, options.signer);
  const body = { digest: digestOf(bytes), size: bytes.length, signal };
  await options.permit?.();
  await store.put(indexKey(next.template), { bytes }, { ...body, ...condition });
  const written = openIndex(bytes.toString(), next.template, indexKey(next.template), options.trust);
  await judge(written, 'change', options);
  await keepHistory(store, next, bytes, signal).catch((error: unknown) => {
    const reason = error instanceof Error ? error.message : String(error);
    options.emit?.({ type: 'log', level: 'warn', message: `No copy of the index of ${next.template} could be kept: ${reason}` });
  });
  return written.index;
}

/** What repair begins with when the index is damaged. It matters little if it fails: the index itself is written. */
async function keepHistory(
  store: Store,
  { template, sequence }: TemplateIndex,
  bytes: Buffer,
  signal: AbortSignal | undefined,
): Promise<void> {
  await store.put(historyKey(template, sequence), { bytes }, { digest: digestOf(bytes), size: bytes.length, signal });
  const copies: string[] = [];
  for await (const { key } of store.list(historyPrefix(template))) copies.push(key);
  for (const key of copies.toSorted().slice(0, -historyLength)) await store.delete(key);
}

function noKey(store: Store, template: string): AppError {
  return new AppError('NOT_TRUSTED', `This machine has no key to sign the index of ${template} in ${store.url} with`, {
    hint: 'gabarit key new makes one.',
  });
}
