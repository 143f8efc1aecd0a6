import {
  type CatalogOptions,
  channelsAt,
  type ImageName,
  type PublishedImage,
  type Revocation,
  type TemplateIndex,
} from '../model/catalog.ts';
import type { Store } from '../model/store.ts';
import { changeIndex } from './change-index.ts';
import { readIndex } from './index-file.ts';
import { personOf, timeOf } from './move-channel.ts';
import { templateNames } from './template-names.ts';

export interface Revoked {
  revoked: PublishedImage[];
  channels: { template: string; channel: string; now?: string }[];
}

/** Forbids an image and whatever was built on it, and takes them out of every channel, in one write a template. */
export async function revokeImage(
  store: Store,
  image: PublishedImage,
  reason: string,
  options: CatalogOptions & { fallback: boolean },
  signal: AbortSignal | undefined,
): Promise<Revoked> {
  const result: Revoked = { revoked: [], channels: [] };
  const at = timeOf(options);
  const inherited = nameOf(image);
  // The image itself first: what is built on it is refused by its ancestry already, before its own index says so.
  const affected = [{ image, revocation: { reason, by: personOf(options), at } as Revocation }];
  for (const child of await descendantsOf(store, image, options)) {
    affected.push({ image: child, revocation: { reason, by: personOf(options), at, inherited } });
  }
  for (const template of new Set(affected.map((item) => item.image.template))) {
    const revocations = new Map(
      affected.filter((item) => item.image.template === template).map((item) => [item.image.digest, item.revocation]),
    );
    let before: TemplateIndex | undefined;
    const after = await changeIndex(
      store,
      template,
      (index) => {
        before = index;
        return withRevocations(index, revocations, options.fallback, options);
      },
      options,
      signal,
    );
    const forbidden = after.images.filter(({ digest }) => revocations.has(digest));
    result.revoked.push(...forbidden);
    for (const one of forbidden) {
      for (const channel of before ? channelsAt(before, one) : []) {
        const now = after.channels[channel]?.version;
        result.channels.push({ template, channel, ...(now === undefined ? {} : { now }) });
      }
    }
  }
  return result;
}

function withRevocations(
  index: TemplateIndex,
  revocations: ReadonlyMap<string, Revocation>,
  fallback: boolean,
  options: CatalogOptions,
): TemplateIndex {
  const isNew = (image: PublishedImage): boolean => revocations.has(image.digest) && !image.revoked;
  const leaving = Object.values(index.channels).some(({ digest }) => revocations.has(digest));
  if (!index.images.some(isNew) && !leaving) return index;
  const images = index.images.map((image) => (isNew(image) ? { ...image, revoked: revocations.get(image.digest) } : image));
  const channels = Object.entries(index.channels).flatMap(([name, channel]) => {
    if (!revocations.has(channel.digest)) return [[name, channel] as const];
    const position = images.findIndex(({ digest }) => digest === channel.digest);
    const older = fallback ? images.slice(position + 1).find(({ revoked }) => !revoked) : undefined;
    if (!older) return [];
    const pointer = { version: older.version, digest: older.digest, promoted: timeOf(options), by: personOf(options) };
    return [[name, pointer] as const];
  });
  const proposals = index.proposals.filter(({ digest }) => !revocations.has(digest));
  return { ...index, images, channels: Object.fromEntries(channels), proposals };
}

/** Allows an image again, and all that inherited its revocation from it. */
export async function restoreImage(
  store: Store,
  image: PublishedImage,
  options: CatalogOptions,
  signal: AbortSignal | undefined,
): Promise<PublishedImage[]> {
  const restored: PublishedImage[] = [];
  const heirs = (await descendantsOf(store, image, options)).filter(({ revoked }) => revoked?.inherited?.digest === image.digest);
  for (const template of new Set([image, ...heirs].map((item) => item.template))) {
    const digests = new Set([image, ...heirs].filter((item) => item.template === template).map(({ digest }) => digest));
    const after = await changeIndex(store, template, (index) => withoutRevocations(index, digests), options, signal);
    restored.push(...after.images.filter(({ digest }) => digests.has(digest)));
  }
  return restored;
}

function withoutRevocations(index: TemplateIndex, digests: ReadonlySet<string>): TemplateIndex {
  if (!index.images.some((image) => image.revoked && digests.has(image.digest))) return index;
  const images = index.images.map((image) => {
    if (!digests.has(image.digest)) return image;
    const { revoked: _, ...rest } = image;
    return rest;
  });
  return { ...index, images };
}

/** All images that were built on one, directly or through others. */
export async function descendantsOf(store: Store, image: ImageName, options: CatalogOptions): Promise<PublishedImage[]> {
  const all: PublishedImage[] = [];
  for (const template of await templateNames(store)) all.push(...((await readIndex(store, template, options))?.images ?? []));
  const found = new Map<string, PublishedImage>();
  const parents = new Set([image.digest]);
  for (let before = -1; before !== found.size; ) {
    before = found.size;
    for (const candidate of all) {
      if (!candidate.basedOn || !parents.has(candidate.basedOn.digest)) continue;
      found.set(candidate.digest, candidate);
      parents.add(candidate.digest);
    }
  }
  found.delete(image.digest);
  return [...found.values()];
}

/** What an image was built on, nearest first; an ancestor that is not in the catalog any more ends the line. */
export async function ancestorsOf(
  store: Store,
  image: PublishedImage,
  options: CatalogOptions,
): Promise<{ name: ImageName; image?: PublishedImage }[]> {
  const line: { name: ImageName; image?: PublishedImage }[] = [];
  const seen = new Set([image.digest]);
  for (let next = image.basedOn; next && !seen.has(next.digest); ) {
    const wanted: ImageName = next;
    seen.add(wanted.digest);
    const found = (await readIndex(store, wanted.template, options))?.images.find(({ digest }) => digest === wanted.digest);
    line.push(found ? { name: wanted, image: found } : { name: wanted });
    next = found?.basedOn;
  }
  return line;
}

export function nameOf({ template, version, digest }: ImageName): ImageName {
  return { template, version, digest };
}
