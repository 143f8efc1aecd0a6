import type { CatalogOptions, TemplateIndex } from '../model/catalog.ts';
import type { Store } from '../model/store.ts';
import { AppError } from '../util/errors.ts';
import { changeIndex } from './change-index.ts';
import { readIndex } from './index-file.ts';
import { templateNames } from './template-names.ts';

/**
 * Signs indexes as they are, with the key of today and for another while: those of some templates, or all.
 * @throws AppError NOT_FOUND, NOT_TRUSTED
 */
export async function signAgain(
  store: Store,
  templates: readonly string[],
  options: CatalogOptions,
  signal: AbortSignal,
): Promise<TemplateIndex[]> {
  const signed: TemplateIndex[] = [];
  for (const name of templates.length > 0 ? templates : await templateNames(store)) {
    if ((await readIndex(store, name, options, 'change')) === undefined)
      throw new AppError('NOT_FOUND', `There is no template ${name} in ${store.url}`);
    signed.push(await changeIndex(store, name, (index) => ({ ...index }), options, signal));
  }
  return signed;
}
