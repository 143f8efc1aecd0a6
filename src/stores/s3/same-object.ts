import type { Announced, PutSource } from '../../model/store.ts';
import type { Connection } from './connection.ts';
import { isTagOfParts, tagOfParts } from './etags.ts';
import { lookAt } from './objects.ts';
import { layoutOf, rangeOf } from './part-layout.ts';
import { PartHasher, sharedBuffer } from './part-hasher.ts';
import { openSource } from './part-source.ts';

/**
 * Whether an object that we sent in parts holds the bytes of a source, without reading it: its tag is made of the MD5s of what the endpoint
 * received, and the same can be computed from the source. False where that cannot be told: other tags, another part size, `readBack`.
 */
export async function holdsSame(
  connection: Connection,
  key: string,
  source: PutSource,
  { size, digest }: Announced,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const { partSize, readBack } = connection.settings;
  const found = readBack ? undefined : await lookAt(connection, key, signal);
  if (found?.size !== size || `sha256:${found.sha256}` !== digest) return false;
  const layout = layoutOf(size, partSize);
  if (!isTagOfParts(found.etag) || !found.etag.endsWith(`-${layout.count}`)) return false;

  await using opened = await openSource(key, source);
  await using hasher = new PartHasher();
  const buffer = sharedBuffer(layout.partSize);
  const md5s: string[] = [];
  for (let part = 1; part <= layout.count; part += 1) {
    signal?.throwIfAborted();
    const { start, length } = rangeOf(layout, part);
    const bytes = await opened.read(start, buffer.subarray(0, length));
    md5s.push((await hasher.next(bytes, false)).md5);
  }
  return tagOfParts(md5s) === found.etag.toLowerCase() && `sha256:${await hasher.whole()}` === digest;
}
