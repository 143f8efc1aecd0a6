import type { Catalog, CatalogOptions, TemplateIndex } from '../model/catalog.ts';
import type { Store } from '../model/store.ts';
import { digestOf } from '../util/digest.ts';
import type { Emit } from '../util/events.ts';
import { isCancellation } from '../util/errors.ts';
import { catalogPage } from './catalog-page.ts';
import { templatesListKey } from './keys.ts';
import { streamsIndex, streamsProducts } from './simplestreams.ts';

/**
 * Writes what is derived from the indexes, for those who have only a web browser, Incus, or nothing to list a store with. Everything in it can be made
 * again at any time; nobody who checks signatures relies on it.
 */
export async function writeSite(
  store: Store,
  indexes: readonly TemplateIndex[],
  options: CatalogOptions,
  signal: AbortSignal | undefined,
): Promise<string[]> {
  const now = options.now?.() ?? new Date();
  const json = (value: unknown): string => `${JSON.stringify(value, null, 1)}\n`;
  const files: [key: string, content: string][] = [
    [templatesListKey, json({ schema: 'gabarit.templates/1', templates: indexes.map(({ template }) => template).toSorted() })],
    ['streams/v1/images.json', json(streamsProducts(indexes))],
    ['streams/v1/index.json', json(streamsIndex(indexes))],
    ['index.html', catalogPage(indexes, now)],
  ];
  for (const [key, content] of files) {
    const bytes = Buffer.from(content);
    await store.put(key, { bytes }, { digest: digestOf(bytes), size: bytes.length, signal });
  }
  return files.map(([key]) => key);
}

/** Writes the site after a change that is done: if it cannot be written, nothing is lost but its freshness. */
export async function renewSite(
  catalog: Pick<Catalog, 'writeSite'>,
  emit: Emit | undefined,
  signal: AbortSignal | undefined,
): Promise<void> {
  try {
    await catalog.writeSite(signal);
  } catch (error) {
    if (isCancellation(error)) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    emit?.({
      type: 'log',
      level: 'warn',
      message: `The page and the tree for Incus were not renewed (gabarit catalog site does it): ${reason}`,
    });
  }
}
