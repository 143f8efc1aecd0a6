import { z } from 'zod';
import type { ImageReference } from './image-reference.ts';
import type { Manifest } from './manifest.ts';

/** What is published: one index a template says which images there are, and which of them each channel points at. */

const digest = z.string().regex(/^sha256:[0-9a-f]{64}$/);
const version = z.string().regex(/^\d{8}\.\d+$/);
const object = z.looseObject({ key: z.string(), size: z.int(), digest });

/** An image in the catalog. What a newer Gabarit added is kept when this one writes the index again. */
export const publishedImageSchema = z.looseObject({
  template: z.string(),
  version,
  /** The digest of its manifest, which names all the rest: the identity of the image. */
  digest,
  /** Where its manifest lies in the store; everything else of it lies in the same folder. */
  manifest: z.string(),
  published: z.iso.datetime(),
  created: z.iso.datetime(),
  arch: z.string(),
  /** `Debian GNU/Linux 12 (bookworm)` */
  os: z.string(),
  artifacts: z.array(object.extend({ format: z.string() })),
  checks: z.looseObject({ pass: z.int(), fail: z.int(), warn: z.int(), skip: z.int(), booted: z.boolean() }),
});
export type PublishedImage = z.infer<typeof publishedImageSchema>;

export const channelSchema = z.looseObject({ version, digest, promoted: z.iso.datetime() });
export type Channel = z.infer<typeof channelSchema>;

/** `templates/<name>/index.json` */
export const templateIndexSchema = z.looseObject({
  schema: z.literal('gabarit.index/1'),
  template: z.string(),
  /** Newest first. */
  images: z.array(publishedImageSchema),
  channels: z.record(z.string(), channelSchema),
});
export type TemplateIndex = z.infer<typeof templateIndexSchema>;

/** A channel as somebody saw it before asking to move it: the digest that it pointed at, or `none`. */
export type SeenChannel = string;

export interface Catalog {
  /** Of the store, without secrets. */
  url: string;
  /** The indexes of all templates, sorted by name. */
  list(): Promise<TemplateIndex[]>;
  /** @throws AppError NOT_FOUND, saying what there is */
  resolve(reference: ImageReference): Promise<PublishedImage>;
  /** An image with its manifest. @throws AppError NOT_FOUND, DIGEST_MISMATCH */
  show(reference: ImageReference): Promise<{ image: PublishedImage; manifest: Manifest; channels: string[] }>;
  /** Where a channel points now. */
  seen(template: string, channel: string): Promise<SeenChannel>;
  /** Moves a channel to an image, if it still points where the caller saw it. @throws AppError CONFLICT, NOT_FOUND */
  promote(channel: string, reference: ImageReference, seen: SeenChannel, signal?: AbortSignal): Promise<PublishedImage>;
}

/** Orders versions: `20261123.10` comes after `20261123.9`. */
export function compareVersions(a: string, b: string): number {
  const [dayA, numberA] = a.split('.').map(Number);
  const [dayB, numberB] = b.split('.').map(Number);
  return (dayA ?? 0) - (dayB ?? 0) || (numberA ?? 0) - (numberB ?? 0);
}

export function channelOf(index: TemplateIndex, name: string): Channel | undefined {
  return Object.hasOwn(index.channels, name) ? index.channels[name] : undefined;
}

/** The channels that point at an image, sorted. */
export function channelsAt(index: TemplateIndex, image: { digest: string }): string[] {
  const at = Object.entries(index.channels).filter(([, channel]) => channel.digest === image.digest);
  return at.map(([name]) => name).toSorted();
}

/** The name of a channel, as it may be written after the `@` of a reference. */
export function isChannelName(text: string): boolean {
  return /^[a-z][a-z0-9-]{0,31}$/.test(text);
}
