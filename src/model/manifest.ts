import { z } from 'zod';
import { definitionSchema } from './plan.ts';

/** The manifest says what an image is: one JSON file beside its artifacts. A reader refuses a major version that it does not know. */

const digest = z.string().regex(/^sha256:[0-9a-f]{64}$/);

export const manifestSchema = z.strictObject({
  schema: z.literal('gabarit.manifest/1'),
  template: z.string(),
  /** `YYYYMMDD.N` */
  version: z.string().regex(/^\d{8}\.\d+$/),
  description: z.string(),
  created: z.iso.datetime(),
  /** The definition that it was made from and those that this one extends, itself first: what each says, own files included. */
  definitions: z.array(definitionSchema).default([]),
  /** From the image's own /etc/os-release. */
  os: z.strictObject({
    distro: z.string(),
    release: z.string(),
    codename: z.string(),
    pretty: z.string(),
    pointRelease: z.string(),
  }),
  arch: z.string(),
  platforms: z.array(z.string()),
  firmware: z.string(),
  plan: digest,
  sourceDateEpoch: z.int(),
  /** Bytes: of the virtual disk, and of all files on the root file system. */
  sizes: z.strictObject({ virtual: z.int(), root: z.int() }),
  packages: z.strictObject({ count: z.int(), lock: digest }),
  artifacts: z.array(z.strictObject({ name: z.string(), format: z.string(), mediaType: z.string(), size: z.int(), digest })),
  /** Files that prove something: the lock, the plan, the check report. */
  evidence: z.array(z.strictObject({ name: z.string(), kind: z.string(), size: z.int(), digest })),
  /** Counts of verdicts, offline and (once verified) booted. */
  checks: z.strictObject({ pass: z.int(), fail: z.int(), warn: z.int(), skip: z.int(), booted: z.boolean() }),
  build: z.strictObject({
    gabarit: z.string(),
    /** Wall seconds by step; absent steps were reused. */
    seconds: z.record(z.string(), z.number()),
    tools: z.record(z.string(), z.string()),
  }),
});
export type Manifest = z.infer<typeof manifestSchema>;
