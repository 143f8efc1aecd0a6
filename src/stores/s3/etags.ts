import { createHash } from 'node:crypto';

/** The tag without its quotes, as this store hands it out. */
export function plainTag(etag: string | undefined): string {
  return (etag ?? '').replace(/^W\//, '').replaceAll('"', '');
}

/** The MD5 that a tag is (of a plain object, or a part); undefined when it cannot be one. */
export function md5Of(etag: string | undefined): string | undefined {
  const tag = plainTag(etag).toLowerCase();
  return /^[0-9a-f]{32}$/.test(tag) ? tag : undefined;
}

/** The tag of an object that was made of these parts: MD5 of their MD5s, and how many there are. */
export function tagOfParts(md5s: readonly string[]): string {
  const hash = createHash('md5');
  for (const md5 of md5s) hash.update(md5, 'hex');
  return `${hash.digest('hex')}-${md5s.length}`;
}

/** Whether a tag is made like {@link tagOfParts}. */
export function isTagOfParts(etag: string | undefined): boolean {
  return /^[0-9a-f]{32}-\d+$/.test(plainTag(etag).toLowerCase());
}
