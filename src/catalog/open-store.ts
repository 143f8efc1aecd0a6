import type { Store, StorePlugin } from '../model/store.ts';
import { AppError } from '../util/errors.ts';

/** Opens the store that a URL names. @throws AppError USAGE */
export function openStore(plugins: readonly StorePlugin[], url: string): Store {
  const plugin = plugins.find((candidate) => candidate.accepts(url));
  if (plugin) return plugin.open(url);
  const known = plugins.map(({ id }) => id).join(', ');
  throw new AppError('USAGE', `There is no kind of store for ${url}`, {
    hint: `Kinds of stores: ${known}. For example file:/srv/templates`,
  });
}
