import { z } from 'zod';
import { type Digest, digestOfJson } from '../util/digest.ts';
import { lockSchema } from './lock.ts';
import { mediumSchema } from './medium.ts';
import { archSchema } from './platform.ts';
import { templateSchema } from './template.ts';

/** A plan is a template for one architecture with everything pinned. It is pure data: printable, hashable, and enough to build the same disk again. */

const digest = z.string().regex(/^sha256:[0-9a-f]{64}$/) as unknown as z.ZodType<Digest>;

export const planProvisionSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    /** A shipped step, or a script of the person's own. */
    kind: z.enum(['step', 'script']),
    name: z.string(),
    digest,
    /** Where its source lies: an absolute path, checked against the digest before use. */
    source: z.string(),
    environment: z.record(z.string(), z.string()),
    network: z.boolean(),
  }),
  z.strictObject({
    kind: z.literal('file'),
    name: z.string(),
    digest,
    source: z.string(),
    to: z.string(),
    mode: z.string(),
    owner: z.string(),
  }),
]);
export type PlanProvision = z.infer<typeof planProvisionSchema>;

/** A definition by its name, and a digest of all that it says: where an image comes from. */
export const definitionSchema = z.strictObject({ template: z.string(), digest });
export type Definition = z.infer<typeof definitionSchema>;

export const planSchema = z.strictObject({
  schema: z.literal('gabarit.plan/1'),
  /** The digest of all that follows, except the places of sources, the definitions and the preview. */
  id: digest,
  template: templateSchema,
  /** The definition and those that it extends, itself first. They tell where the template comes from and change nothing of the image. */
  definitions: z.array(definitionSchema).default([]),
  arch: archSchema,
  release: z.strictObject({ id: z.string(), codename: z.string(), title: z.string() }),
  lock: lockSchema,
  /** What the disk is made from, where that is not packages alone; the lock is empty then. */
  medium: mediumSchema.optional(),
  /** The apt sources that the image is left with: deb822 text. */
  guestSources: z.string(),
  /** The file with the keys of each repository of the lock: an absolute path, and its digest. */
  keys: z.record(
    z.string(),
    z.strictObject({ source: z.string(), digest, /** Its name in /etc/apt/keyrings. */ file: z.string() }),
  ),
  provisioning: z.array(planProvisionSchema),
  /** Changes whenever a change of Gabarit itself changes the images that it makes. */
  engineRevision: z.string(),
  /** For people: files that the engine would write, such as answers to an installer, what belongs to one build masked. A build makes its own. */
  preview: z.array(z.strictObject({ name: z.string(), text: z.string() })).optional(),
});
export type Plan = z.infer<typeof planSchema>;

/** The identity of a plan: places of sources (which differ between machines), mirrors and the places of media (which serve the same digests) and the names of definitions do not count. */
export function planId(plan: Omit<Plan, 'id'>): Digest {
  const { lock, keys, provisioning, medium, definitions: _, preview: __, ...rest } = plan;
  return digestOfJson({
    ...rest,
    ...(medium ? { medium: { kind: medium.kind, digest: medium.digest } } : {}),
    packages: lock.packages.map(({ name, version, architecture, sha256, role }) => ({
      name,
      version,
      architecture,
      sha256,
      role,
    })),
    keys: Object.fromEntries(Object.entries(keys).map(([id, key]) => [id, key.digest])),
    provisioning: provisioning.map((item) => ({ ...item, source: undefined })),
  });
}
