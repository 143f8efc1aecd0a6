import type { CatalogOptions, PrunePolicy, PruneResult, PublishedImage, TemplateIndex } from '../model/catalog.ts';
import type { ObjectInfo, Store } from '../model/store.ts';
import { AppError } from '../util/errors.ts';
import { changeIndex } from './change-index.ts';
import { readIndex } from './index-file.ts';
import { imageOfKey, templatesPrefix } from './keys.ts';
import { descendantsOf } from './revoke.ts';
import { templateNames } from './template-names.ts';

const dayMs = 24 * 3600 * 1000;
/** Objects that no index names stay this long: somebody may be publishing them right now. */
const graceMs = dayMs;

export interface PruneOptions extends CatalogOptions {
  template?: string | undefined;
  apply: boolean;
  /** Digests of images that something outside the catalog uses: deployments. */
  inUse: ReadonlySet<string>;
}

/**
 * Finds the images that a policy does not keep, and with `apply` removes them: first from the index, then their objects. Broken off in between,
 * it leaves only objects that nobody names; the next time they are swept with those of publications that broke off.
 */
export async function pruneImages(
  store: Store,
  policy: PrunePolicy,
  options: PruneOptions,
  signal: AbortSignal | undefined,
): Promise<PruneResult> {
  if (policy.keepLast === undefined && policy.keepDays === undefined) {
    throw new AppError('USAGE', 'Nothing says which images to keep', { hint: 'Give --keep-last N or --keep-days N, or both.' });
  }
  const templates = options.template === undefined ? await templateNames(store) : [options.template];
  const images: PublishedImage[] = [];
  for (const template of templates) images.push(...(await pruneTemplate(store, template, policy, options, signal)));
  const leftovers = await leftoversIn(store, options, new Set(images.map(({ digest }) => digest)), templates);
  if (options.apply) {
    for (const { key } of leftovers.toSorted(manifestsFirst)) {
      signal?.throwIfAborted();
      await store.delete(key);
    }
  }
  const removed = new Set(images.map(({ digest }) => digest));
  const isOfImage = ({ key }: { key: string }): boolean => removed.has(imageOfKey(key)?.digest ?? '');
  return {
    images,
    leftovers: leftovers.filter((object) => !isOfImage(object)).map(({ key, size }) => ({ key, size })),
    freed: leftovers.reduce((sum, { size }) => sum + size, 0),
    applied: options.apply,
  };
}

/** The manifest goes first: without it nobody takes the rest for an image. */
function manifestsFirst(a: ObjectInfo, b: ObjectInfo): number {
  return Number(b.key.endsWith('/manifest.json')) - Number(a.key.endsWith('/manifest.json')) || (a.key < b.key ? -1 : 1);
}

async function pruneTemplate(
  store: Store,
  template: string,
  policy: PrunePolicy,
  options: PruneOptions,
  signal: AbortSignal | undefined,
): Promise<PublishedImage[]> {
  const index = await readIndex(store, template, options, 'change');
  if (!index) throw new AppError('NOT_FOUND', `There is no template ${template} in ${store.url}`);
  const surplus = surplusIn(index, policy, options);
  const images: PublishedImage[] = [];
  for (const image of surplus) {
    // What others were built on stays as long as they do: the line of ancestors, and with it revocation, must not break.
    const heirs = await descendantsOf(store, image, options);
    if (heirs.every(({ digest }) => surplus.some((other) => other.digest === digest))) images.push(image);
  }
  if (!options.apply || images.length === 0) return images;
  const unwanted = new Set(images.map(({ digest }) => digest));
  // What came into use meanwhile stays.
  const gone = (now: TemplateIndex): Set<string> =>
    new Set(surplusIn(now, policy, options).flatMap(({ digest }) => (unwanted.has(digest) ? [digest] : [])));
  let removed = new Set<string>();
  await changeIndex(
    store,
    template,
    (now) => {
      const remove = gone(now);
      if (remove.size === 0) return now;
      removed = remove;
      return { ...now, images: now.images.filter(({ digest }) => !remove.has(digest)) };
    },
    options,
    signal,
  );
  return images.filter(({ digest }) => removed.has(digest));
}

/** The images that the policy does not keep and nothing uses. */
function surplusIn(index: TemplateIndex, { keepLast, keepDays }: PrunePolicy, options: PruneOptions): PublishedImage[] {
  const used = new Set([...Object.values(index.channels), ...index.proposals].map(({ digest }) => digest));
  const oldest = keepDays === undefined ? undefined : (options.now?.() ?? new Date()).getTime() - keepDays * dayMs;
  // Revoked images are no provision for bad days: they do not count among the last ones.
  const last = new Set(
    index.images
      .filter(({ revoked }) => !revoked)
      .slice(0, keepLast ?? 0)
      .map(({ digest }) => digest),
  );
  return index.images.filter(
    ({ digest, published }) =>
      !used.has(digest) &&
      !options.inUse.has(digest) &&
      !last.has(digest) &&
      (oldest === undefined || Date.parse(published) < oldest),
  );
}

/** Objects in folders of images that no index names, except young ones; those of `removed` whatever their age. */
async function leftoversIn(
  store: Store,
  options: PruneOptions,
  removed: ReadonlySet<string>,
  templates: readonly string[],
): Promise<ObjectInfo[]> {
  const named = new Map<string, Set<string>>();
  for (const template of templates) {
    const index = await readIndex(store, template, options);
    named.set(template, new Set(index?.images.map(({ digest }) => digest) ?? []));
  }
  const before = (options.now?.() ?? new Date()).getTime() - graceMs;
  const found: ObjectInfo[] = [];
  for await (const object of store.list(templatesPrefix)) {
    const image = imageOfKey(object.key);
    if (!image) continue;
    const known = named.get(image.template);
    if (!known) continue;
    if (removed.has(image.digest)) found.push(object);
    else if (!known.has(image.digest) && object.modified && object.modified.getTime() < before) found.push(object);
  }
  return found;
}
