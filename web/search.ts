/** What stands behind the `?` of each page: filters and views, so that an address can be sent to somebody. Anything else is left out. */

type Given = Record<string, unknown>;

function text(value: unknown): string | undefined {
  if (typeof value === 'number') return String(value);
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function oneOf<T extends string>(value: unknown, words: readonly T[]): T | undefined {
  return words.find((word) => word === value);
}

export interface LoginSearch {
  /** Where to go afterwards: a path of this page. */
  to?: string | undefined;
}

export function readLoginSearch({ to }: Given): LoginSearch {
  const path = text(to);
  // Never to another site.
  return path?.startsWith('/') && !path.startsWith('//') && !path.startsWith('/\\') ? { to: path } : {};
}

export const catalogViews = ['templates', 'versions'] as const;
export const catalogStates = ['usable', 'failing', 'revoked', 'unbuilt'] as const;

export interface CatalogSearch {
  q?: string | undefined;
  view?: (typeof catalogViews)[number] | undefined;
  channel?: string | undefined;
  state?: (typeof catalogStates)[number] | undefined;
  /** A column, with `-` before it downwards. */
  sort?: string | undefined;
}

export function readCatalogSearch(given: Given): CatalogSearch {
  return {
    q: text(given['q']),
    view: oneOf(given['view'], catalogViews),
    channel: text(given['channel']),
    state: oneOf(given['state'], catalogStates),
    sort: text(given['sort']),
  };
}

export const imageTabs = ['overview', 'packages', 'checks', 'contents', 'provenance', 'compare'] as const;
export type ImageTab = (typeof imageTabs)[number];

export interface ImageSearch {
  tab?: ImageTab | undefined;
  /** The version to compare with. */
  with?: string | undefined;
  q?: string | undefined;
}

export function readImageSearch(given: Given): ImageSearch {
  return { tab: oneOf(given['tab'], imageTabs), with: text(given['with']), q: text(given['q']) };
}

export interface BuildSearch {
  template?: string | undefined;
}

export function readBuildSearch({ template }: Given): BuildSearch {
  return { template: text(template) };
}

export interface PlainSearch {
  q?: string | undefined;
  state?: string | undefined;
}

export function readPlainSearch(given: Given): PlainSearch {
  return { q: text(given['q']), state: text(given['state']) };
}
