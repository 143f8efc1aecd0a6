import { z } from 'zod';
import { proposalSchema, publishedImageSchema } from '../catalog.ts';
import { inventorySchema } from '../inventory.ts';
import { manifestSchema } from '../manifest.ts';
import { channelNameSchema, type Contract, digestSchema, nameSchema, pageOf, pageQuery, versionSchema } from './contract-type.ts';

const store = { store: nameSchema.optional().describe('Name of a store of this server; the first one by default') };

/** A line of the catalog. */
export const imageSummarySchema = z
  .object({
    template: z.string(),
    version: z.string(),
    digest: digestSchema,
    os: z.string(),
    arch: z.string(),
    created: z.string(),
    published: z.string(),
    size: z.int().describe('Bytes of all artifacts'),
    formats: z.array(z.string()),
    channels: z.array(z.string()).describe('That point at it'),
    checks: z.object({ pass: z.int(), fail: z.int(), warn: z.int(), skip: z.int(), booted: z.boolean() }),
    signed: z.boolean(),
    support: z.enum(['yes', 'lts', 'none', 'unknown']).describe('Of its operating system, today'),
    revoked: z.object({ reason: z.string(), by: z.string(), at: z.string() }).optional(),
  })
  .meta({ id: 'ImageSummary' });
export type ApiImageSummary = z.infer<typeof imageSummarySchema>;

export const imageDetailSchema = z
  .object({
    image: publishedImageSchema,
    manifest: manifestSchema,
    channels: z.array(z.string()),
    evidence: z.array(z.object({ name: z.string(), kind: z.string(), size: z.int(), digest: z.string() })),
    proposals: z.array(proposalSchema).describe('Moves of channels to this image that wait for approval'),
  })
  .meta({ id: 'ImageDetail' });
export type ApiImageDetail = z.infer<typeof imageDetailSchema>;

export const verdictSchema = z
  .object({
    check: z.string(),
    title: z.string(),
    status: z.enum(['pass', 'fail', 'warn', 'skip']),
    message: z.string(),
    subject: z.string().optional(),
    durationMs: z.number().optional(),
  })
  .meta({ id: 'Verdict' });

export const bootedMachineSchema = z
  .object({
    name: z.string(),
    firmware: z.string(),
    bootSeconds: z.number().describe('From its start until one could log in, or saw the login prompt'),
    cloudInitSeconds: z.number().optional().describe('From its start until cloud-init had ended'),
    accelerator: z.string().describe('`kvm`; `tcg` is slower by far'),
  })
  .meta({ id: 'BootedMachine' });

const changes = <T extends z.ZodType>(value: T) =>
  z.object({
    added: z.record(z.string(), value),
    removed: z.record(z.string(), value),
    changed: z.record(z.string(), z.object({ from: value, to: value })),
  });

/** As `InventoryDiff`. */
export const diffSchema = z
  .object({
    packages: changes(z.string()),
    enabledUnits: changes(z.literal(true)),
    maskedUnits: changes(z.literal(true)),
    ports: changes(z.literal(true)),
    users: changes(z.string()),
    sudoers: changes(z.literal(true)),
    setuid: changes(z.string()),
    kernelArguments: changes(z.literal(true)),
    folders: z.array(z.object({ folder: z.string(), from: z.int(), to: z.int() })),
  })
  .meta({ id: 'Diff' });

const imageName = z.object({ template: z.string(), version: z.string(), digest: z.string() });

const image = z.object({ template: nameSchema, version: versionSchema });
const file = image.extend({ file: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/, 'must be the name of a file') });
const inStore = z.object(store);
const channel = z.object({ template: nameSchema, channel: channelNameSchema });
const reference = z.string().max(200).describe('`debian-12@stable`, `debian-12@20261123.1` or `debian-12@sha256:…`');

export const channelSummarySchema = z
  .object({
    template: z.string(),
    channel: z.string(),
    version: z.string().optional().describe('Missing while the channel is only proposed'),
    digest: z.string().describe('What to say was seen when it is moved; `none` while the channel is only proposed'),
    promoted: z.string().optional(),
    by: z.string().optional(),
    needed: z.int().describe('How many people must approve a move'),
    proposals: z.array(proposalSchema),
  })
  .meta({ id: 'ChannelSummary' });
export type ApiChannelSummary = z.infer<typeof channelSummarySchema>;

export const promotionSchema = z
  .object({ image: publishedImageSchema, pending: proposalSchema.optional().describe('It waits for approvals') })
  .meta({ id: 'Promotion' });

export const imagesContract = {
  'GET /images': {
    id: 'listImages',
    tag: 'Images',
    title: 'Published images, the newest first',
    needs: 'viewer',
    query: z.object({
      ...store,
      ...pageQuery,
      limit: z.coerce.number().int().min(1).max(10_000).default(100),
      template: nameSchema.optional(),
      channel: channelNameSchema.optional(),
      search: z.string().max(100).optional().describe('In template, version, operating system and digest'),
      revoked: z.enum(['true', 'false']).optional(),
    }),
    answer: pageOf(imageSummarySchema),
  },
  'GET /images/:template/:version': {
    id: 'getImage',
    tag: 'Images',
    title: 'One image with its manifest',
    needs: 'viewer',
    params: image,
    query: inStore,
    answer: imageDetailSchema,
  },
  'GET /images/:template/:version/packages': {
    id: 'listPackages',
    tag: 'Images',
    title: 'Its packages with their versions',
    needs: 'viewer',
    params: image,
    query: z.object({ ...store, search: z.string().max(100).optional() }),
    answer: z.array(z.object({ name: z.string(), arch: z.string(), version: z.string() })),
  },
  'GET /images/:template/:version/checks': {
    id: 'listChecks',
    tag: 'Images',
    title: 'What was proven about it',
    needs: 'viewer',
    params: image,
    query: inStore,
    answer: z.array(verdictSchema),
  },
  'GET /images/:template/:version/boots': {
    id: 'listBoots',
    tag: 'Images',
    title: 'How long the machines took that were booted from it; none when none was',
    needs: 'viewer',
    params: image,
    query: inStore,
    answer: z.array(bootedMachineSchema),
  },
  'GET /images/:template/:version/inventory': {
    id: 'getInventory',
    tag: 'Images',
    title: 'Packages, units, users, ports, and sizes of folders',
    needs: 'viewer',
    params: image,
    query: inStore,
    answer: inventorySchema,
  },
  'GET /images/:template/:version/provenance': {
    id: 'getProvenance',
    tag: 'Images',
    title: 'The signed in-toto statement with SLSA provenance, and what it says',
    needs: 'viewer',
    params: image,
    query: inStore,
    answer: z.object({ bundle: z.looseObject({}), statement: z.looseObject({}) }),
  },
  'GET /images/:template/:version/ancestry': {
    id: 'getAncestry',
    tag: 'Images',
    title: 'What it was built on, and what was built on it',
    needs: 'viewer',
    params: image,
    query: inStore,
    answer: z.object({ ancestors: z.array(imageName), descendants: z.array(imageName) }),
  },
  'GET /images/:template/:version/report': {
    id: 'getReport',
    tag: 'Images',
    title: 'The check report for continuous integration (JUnit XML)',
    needs: 'viewer',
    params: image,
    query: inStore,
    media: 'application/xml',
  },
  'GET /images/:template/:version/files/:file': {
    id: 'downloadFile',
    tag: 'Images',
    title: 'An artifact or a piece of evidence; knows Range',
    needs: 'viewer',
    params: file,
    query: inStore,
    media: 'application/octet-stream',
  },
  'POST /images/:template/:version/revoke': {
    id: 'revokeImage',
    tag: 'Images',
    title: 'Forbid an image and all that was built on it',
    needs: 'publisher',
    params: image,
    query: inStore,
    body: z.object({ reason: z.string().min(3).max(500), fallback: z.boolean().default(true) }),
    answer: z.object({
      revoked: z.array(imageName),
      channels: z.array(z.object({ template: z.string(), channel: z.string(), now: z.string().optional() })),
    }),
  },
  'POST /images/:template/:version/restore': {
    id: 'restoreImage',
    tag: 'Images',
    title: 'Allow it again',
    needs: 'publisher',
    params: image,
    query: inStore,
    answer: z.object({ restored: z.array(imageName) }),
  },
  'GET /diffs': {
    id: 'diff',
    tag: 'Images',
    title: 'What differs between any two images',
    needs: 'viewer',
    query: z.object({ ...store, from: reference, to: reference }),
    answer: diffSchema,
  },
  'GET /channels': {
    id: 'listChannels',
    tag: 'Channels',
    title: 'All channels and what waits for approval',
    needs: 'viewer',
    query: z.object({ ...store, template: nameSchema.optional() }),
    answer: z.array(channelSummarySchema),
  },
  'PUT /channels/:template/:channel': {
    id: 'promote',
    tag: 'Channels',
    title: 'Point a channel at an image, if it still points where it was seen',
    needs: 'publisher',
    params: channel,
    query: inStore,
    body: z.object({
      version: versionSchema,
      seen: z.union([digestSchema, z.literal('none')]).describe('The digest that it pointed at, or `none`'),
      allowUnsupported: z.boolean().default(false),
    }),
    answer: promotionSchema,
  },
  'POST /channels/:template/:channel/approve': {
    id: 'approve',
    tag: 'Channels',
    title: 'Approve what somebody else proposed',
    needs: 'publisher',
    params: channel,
    query: inStore,
    body: z.object({ digest: digestSchema.describe('Of the image that is approved, as it was seen') }),
    answer: promotionSchema,
  },
  'POST /channels/:template/:channel/rollback': {
    id: 'rollBackChannel',
    tag: 'Channels',
    title: 'Point a channel at its newest older image that is not revoked, or at a given one',
    needs: 'publisher',
    params: channel,
    query: inStore,
    body: z.object({ seen: digestSchema, version: versionSchema.optional() }),
    answer: promotionSchema,
  },
} as const satisfies Contract;
