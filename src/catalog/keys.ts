/** Where things lie in a store. An image has a folder of its own, named by its digest, in which nothing is ever changed. */

export const templatesPrefix = 'templates/';
/** The names of all templates, for readers who cannot list. */
export const templatesListKey = 'templates/index.json';

export function indexKey(template: string): string {
  return `${templatesPrefix}${template}/index.json`;
}

/** The last indexes, for the day on which the index is damaged. */
export function historyPrefix(template: string): string {
  return `${templatesPrefix}${template}/index/`;
}

export function historyKey(template: string, sequence: number): string {
  return `${historyPrefix(template)}${padded(sequence)}.json`;
}

/** Changes of the index, where the store knows no compare-and-set. */
export function changesPrefix(template: string): string {
  return `${templatesPrefix}${template}/changes/`;
}

export function changeKey(template: string, number: number, suffix: string): string {
  return `${changesPrefix(template)}${padded(number)}${suffix}.json`;
}

/** The number in the name of a change or an old index. */
export function numberOfKey(key: string): number {
  return Number(/\/(\d+)[^/]*\.json$/.exec(key)?.[1] ?? 0);
}

export function imagePrefix(template: string, version: string, digest: string): string {
  return `${templatesPrefix}${template}/${version}/${digest.slice('sha256:'.length)}/`;
}

/** The template, version and digest whose folder a key lies in, if it is the key of an image's file. */
export function imageOfKey(key: string): { template: string; version: string; digest: string; name: string } | undefined {
  const [, template = '', version = '', hex = '', name = ''] =
    /^templates\/([^/]+)\/(\d{8}\.\d+)\/([0-9a-f]{64})\/([^/]+)$/.exec(key) ?? [];
  return name === '' ? undefined : { template, version, digest: `sha256:${hex}`, name };
}

/** The template whose index a key is, if it is one. */
export function templateOfIndexKey(key: string): string | undefined {
  return /^templates\/([^/]+)\/index\.json$/.exec(key)?.[1];
}

/** Sixteen digits, so that names sort like numbers. */
function padded(number: number): string {
  return String(number).padStart(16, '0');
}
