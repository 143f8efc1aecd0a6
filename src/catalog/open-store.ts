import type { Store, StoreContext, StorePlugin } from '../model/store.ts';
import { isStoreName, type StoreSettings } from '../model/store-settings.ts';
import { AppError } from '../util/errors.ts';
import { didYouMean } from '../util/suggest.ts';

export interface StoresConfig {
  plugins: readonly StorePlugin[];
  /** The stores of the configuration, by name. */
  stores: Readonly<Record<string, StoreSettings>>;
  context: Omit<StoreContext, 'settings'>;
}

/** Opens the store that a URL, a path, or a name of the configuration means. @throws AppError USAGE, CONFIG_INVALID */
export function openStore(reference: string, config: StoresConfig): Store {
  const { plugin, url, settings } = findStore(reference, config);
  if (config.context.limit !== undefined && !plugin.isLimited) {
    throw new AppError('USAGE', `${url} cannot be written at a limited rate: only S3 can`);
  }
  return plugin.open(url, { ...config.context, settings });
}

export interface FoundStore {
  plugin: StorePlugin;
  url: string;
  settings: StoreSettings | undefined;
}

/** The kind, the URL and the settings of a store. @throws AppError USAGE */
export function findStore(reference: string, { plugins, stores }: Omit<StoresConfig, 'context'>): FoundStore {
  const settings = Object.hasOwn(stores, reference) ? stores[reference] : settingsFor(reference, stores);
  if (!settings && isStoreName(reference)) {
    const names = Object.keys(stores);
    throw new AppError('USAGE', `No store ${reference} is configured${didYouMean(reference, names)}`, {
      hint: `${names.length > 0 ? `There is ${names.toSorted().join(', ')}. ` : ''}A folder is written as ./${reference} or file:${reference}.`,
    });
  }
  const url = Object.hasOwn(stores, reference) ? (settings?.url ?? reference) : reference;
  const plugin = plugins.find((candidate) => candidate.accepts(url));
  if (plugin) return { plugin, url, settings };
  const known = plugins.map(({ id }) => id).join(', ');
  throw new AppError('USAGE', `There is no kind of store for ${url}`, {
    hint: `Kinds of stores: ${known}. For example file:/srv/templates or s3://bucket/prefix`,
  });
}

/** The configured store in whose bucket a URL lies, the longest prefix first. @throws AppError USAGE when two are as good */
function settingsFor(url: string, stores: Readonly<Record<string, StoreSettings>>): StoreSettings | undefined {
  const bucket = /^s3:\/\/[^/]+/.exec(url)?.[0];
  if (bucket === undefined) return undefined;
  const shared = (settings: StoreSettings): number =>
    `${url}/`.startsWith(`${settings.url.replace(/\/+$/, '')}/`) ? settings.url.length : 0;
  const found = Object.entries(stores)
    .filter(([, settings]) => `${settings.url}/`.startsWith(`${bucket}/`))
    .toSorted(([, a], [, b]) => shared(b) - shared(a));
  const [first, second] = found;
  if (first && second && shared(first[1]) === shared(second[1])) {
    throw new AppError('USAGE', `The stores ${first[0]} and ${second[0]} of the configuration both lie in ${bucket}`, {
      hint: 'Name the one that you mean, instead of its URL.',
    });
  }
  return first?.[1];
}
