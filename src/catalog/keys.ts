/** Where things lie in a store. An image has a folder of its own, named by its digest, in which nothing is ever changed. */

export const templatesPrefix = 'templates/';

export function indexKey(template: string): string {
  return `${templatesPrefix}${template}/index.json`;
}

export function imagePrefix(template: string, version: string, digest: string): string {
  return `${templatesPrefix}${template}/${version}/${digest.slice('sha256:'.length)}/`;
}

/** The template whose index a key is, if it is one. */
export function templateOfIndexKey(key: string): string | undefined {
  return /^templates\/([^/]+)\/index\.json$/.exec(key)?.[1];
}
