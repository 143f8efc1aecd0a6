import { z } from 'zod';
import type { Emit } from '../util/events.ts';
import type { ImageReference } from './image-reference.ts';
import type { Manifest } from './manifest.ts';
import type { DocumentSigner, DocumentTrust, IndexRead } from './signer.ts';

/** What is published: one index a template says which images there are, and which of them each channel points at. */

const digest = z.string().regex(/^sha256:[0-9a-f]{64}$/);
const version = z.string().regex(/^\d{8}\.\d+$/);
const object = z.looseObject({ key: z.string(), size: z.int(), digest });
const person = z.string();

export const imageNameSchema = z.looseObject({ template: z.string(), version, digest });
export type ImageName = z.infer<typeof imageNameSchema>;

/** Why an image must not be used any more. */
export const revocationSchema = z.looseObject({
  reason: z.string().describe('In one sentence, for those who are refused'),
  by: person,
  at: z.iso.datetime(),
  inherited: imageNameSchema
    .optional()
    .describe('The revoked image that this one was built on; absent when it was revoked itself'),
});
export type Revocation = z.infer<typeof revocationSchema>;

/** An image in the catalog. What a newer Gabarit added is kept when this one writes the index again. */
export const publishedImageSchema = z.looseObject({
  template: z.string(),
  version,
  digest: digest.describe('Of its manifest, which names all the rest: the identity of the image'),
  manifest: z.string().describe('Where its manifest lies in the store; everything else of it lies in the same folder'),
  published: z.iso.datetime(),
  created: z.iso.datetime(),
  arch: z.string(),
  os: z.string().describe('`Debian GNU/Linux 12 (bookworm)`'),
  artifacts: z.array(object.extend({ format: z.string() })),
  checks: z.looseObject({ pass: z.int(), fail: z.int(), warn: z.int(), skip: z.int(), booted: z.boolean() }),
  signatures: z.array(z.string()).default([]).describe('Names of the signature files beside the manifest'),
  definition: digest.optional().describe('Of what its definition says'),
  basedOn: imageNameSchema
    .optional()
    .describe('The published image that it was built on: same definition, same versions of packages'),
  endOfLife: z
    .looseObject({ full: z.iso.date(), lts: z.iso.date() })
    .optional()
    .describe('When regular support of its operating system ends, and when all free support does'),
  incus: object
    .extend({ combined: digest })
    .optional()
    .describe('The metadata file for Incus, and the digest of it followed by the qcow2 artifact'),
  revoked: revocationSchema.optional(),
  job: z.string().optional().describe('The job of a server that published it; a job publishes one image, whoever carries it out'),
});
export type PublishedImage = z.infer<typeof publishedImageSchema>;

export const channelSchema = z.looseObject({ version, digest, promoted: z.iso.datetime(), by: person.optional() });
export type Channel = z.infer<typeof channelSchema>;

/** A channel's move that waits for the approval of other people. */
export const proposalSchema = z.looseObject({
  channel: z.string(),
  version,
  digest,
  seen: z.string().describe('What the channel pointed at when it was proposed: a digest, or `none`'),
  needed: z.int().min(2).describe('How many people must approve, the proposer among them'),
  approvals: z.array(z.looseObject({ by: person, at: z.iso.datetime() })).min(1),
});
export type Proposal = z.infer<typeof proposalSchema>;

/** What is signed of `templates/<name>/index.json`. */
export const templateIndexSchema = z.looseObject({
  schema: z.literal('gabarit.index/1').describe('A reader refuses a higher number; what it does not know besides, it keeps'),
  template: z.string(),
  sequence: z.int().min(0).describe('Rises with every write; a reader who saw a higher one refuses this index'),
  updated: z.iso.datetime(),
  expires: z.iso.datetime().describe('After this time a reader must not trust that it is the newest'),
  previous: z.array(digest).default([]).describe('Digests of the canonical bytes of the index before it'),
  images: z.array(publishedImageSchema).describe('Newest first'),
  channels: z.record(z.string(), channelSchema),
  proposals: z.array(proposalSchema).default([]),
});
export type TemplateIndex = z.infer<typeof templateIndexSchema>;

/** An index file: the index, and signatures over its canonical bytes (sorted keys, no white space, UTF-8). */
export const indexFileSchema = z.looseObject({
  signed: templateIndexSchema,
  signatures: z.array(z.looseObject({ keyId: z.string(), signature: z.string().describe('base64') })),
});

/** `templates/index.json`: the names of all templates, for readers who cannot list a store. Derived, and no proof of anything. */
export const templatesListSchema = z.looseObject({
  schema: z.literal('gabarit.templates/1'),
  templates: z.array(z.string()),
});

/** A channel as somebody saw it before asking to move it: the digest that it pointed at, or `none`. */
export type SeenChannel = string;

/** Which images to keep. What a channel, a proposal or a deployment uses stays always. */
export interface PrunePolicy {
  /** The newest ones of each template. */
  keepLast?: number | undefined;
  /** Those that were published within so many days. */
  keepDays?: number | undefined;
}

export interface PruneResult {
  /** What is removed, or would be. */
  images: PublishedImage[];
  /** Objects that no index names: left by publications that broke off. */
  leftovers: { key: string; size: number }[];
  /** Bytes. */
  freed: number;
  applied: boolean;
}

export interface Ancestry {
  image: PublishedImage;
  /** What it was built on, nearest first. */
  ancestors: { name: ImageName; image?: PublishedImage }[];
  /** What was built on it, the newest first. */
  descendants: PublishedImage[];
}

export interface RepairReport {
  template: string;
  /** Sentences: what was wrong, and what could not be recovered. */
  findings: string[];
  /** Images and channels in the index afterwards. */
  images: number;
  channels: number;
  written: boolean;
}

/** How the catalog is read and written. */
export interface CatalogOptions {
  /** Signs each index that is written. */
  signer?: DocumentSigner | undefined;
  /** Keys that are trusted: given, an index without a good signature is refused. */
  trust?: DocumentTrust | undefined;
  /** Judges each index that was read, before it is used; throws to refuse it. */
  onIndex?: ((index: TemplateIndex, read: IndexRead) => void | Promise<void>) | undefined;
  emit?: Emit | undefined;
  /** Renew the page, the tree for Incus and the list of templates after each change. */
  site?: boolean | undefined;
  /** How many people must approve a move of a channel; those that are not named need one. */
  approvals?: Record<string, number> | undefined;
  /** Let channels point at images whose operating system nobody supports any more. */
  allowUnsupported?: boolean | undefined;
  /** Asked right before each write of an index; throws when the caller may not write any more. */
  permit?: (() => Promise<void>) | undefined;
  /** Who acts. */
  by?: string | undefined;
  now?: (() => Date) | undefined;
}

/** An image that was published or promoted. */
export type Promotion = PublishedImage & {
  /** The move of the channel waits for approvals; undefined when the channel points at the image now. */
  pending?: Proposal | undefined;
};

/** Who changes a catalog, and what he insists on. */
export interface Actor {
  by?: string | undefined;
  allowUnsupported?: boolean | undefined;
}

export interface Catalog {
  /** Of the store, without secrets. */
  url: string;
  /** The indexes of all templates, sorted by name, or of one. @throws AppError NOT_FOUND */
  list(template?: string): Promise<TemplateIndex[]>;
  /** @throws AppError NOT_FOUND, saying what there is; REVOKED */
  resolve(reference: ImageReference): Promise<PublishedImage>;
  /** An image with its manifest, revoked or not. @throws AppError NOT_FOUND, DIGEST_MISMATCH */
  show(reference: ImageReference): Promise<{ image: PublishedImage; manifest: Manifest; channels: string[] }>;
  /** Where a channel points now. */
  seen(template: string, channel: string): Promise<SeenChannel>;
  /**
   * Moves a channel to an image, if it still points where the caller saw it; where the channel needs more people, it becomes a
   * proposal, or an approval of the one that is there. @throws AppError CONFLICT, NOT_FOUND, REVOKED
   */
  promote(channel: string, reference: ImageReference, seen: SeenChannel, signal?: AbortSignal): Promise<Promotion>;
  /** Approves what somebody else proposed for a channel. @throws AppError NOT_FOUND, USAGE when it is one's own */
  approve(template: string, channel: string, signal?: AbortSignal): Promise<Promotion>;
  /**
   * Forbids an image and all that was built on it, and takes them out of every channel. With `fallback`, a channel goes back to its newest
   * older image that is not revoked; else it is gone.
   */
  revoke(
    reference: ImageReference,
    reason: string,
    options: { fallback: boolean },
    signal?: AbortSignal,
  ): Promise<{ revoked: PublishedImage[]; channels: { template: string; channel: string; now?: string }[] }>;
  /** Allows an image again, and what inherited its revocation. Channels stay as they are. */
  restore(reference: ImageReference, signal?: AbortSignal): Promise<PublishedImage[]>;
  ancestry(reference: ImageReference): Promise<Ancestry>;
  prune(
    policy: PrunePolicy,
    options: { template?: string | undefined; apply: boolean; inUse?: ReadonlySet<string> },
    signal?: AbortSignal,
  ): Promise<PruneResult>;
  /** Puts indexes right that are damaged, missing, or name what is not there. */
  repair(options: { template?: string | undefined; apply: boolean }, signal?: AbortSignal): Promise<RepairReport[]>;
  /** Writes what is derived from the indexes (the list of templates, the page, the tree for Incus), and returns its keys. */
  writeSite(signal?: AbortSignal): Promise<string[]>;
  /** A file beside an image's manifest, whole. @throws AppError NOT_FOUND, DIGEST_MISMATCH */
  evidence(reference: ImageReference, name: string): Promise<Buffer>;
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
