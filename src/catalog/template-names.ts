import { templatesListSchema } from '../model/catalog.ts';
import { parseDocument } from '../model/document.ts';
import type { Store } from '../model/store.ts';
import { AppError } from '../util/errors.ts';
import { templateOfIndexKey, templatesListKey, templatesPrefix } from './keys.ts';
import { readText } from './read-text.ts';

/** The templates of a store, sorted; where a store cannot be listed, as its publishers wrote them down. */
export async function templateNames(store: Store): Promise<string[]> {
  if (store.readOnly) return writtenNames(store);
  const names: string[] = [];
  for await (const { key } of store.list(templatesPrefix)) {
    const name = templateOfIndexKey(key);
    if (name !== undefined) names.push(name);
  }
  return names.toSorted();
}

async function writtenNames(store: Store): Promise<string[]> {
  try {
    const text = await readText(store, templatesListKey);
    return parseDocument(text, templatesListSchema, 'gabarit.templates/1', `${templatesListKey} in ${store.url}`).templates;
  } catch (error) {
    if (!(error instanceof AppError && error.code === 'NOT_FOUND')) throw error;
    throw new AppError('NOT_FOUND', `There is no ${templatesListKey} in ${store.url}`, {
      cause: error,
      hint: 'Is this the root of a catalog? gabarit catalog site writes that file.',
    });
  }
}
