import { z } from 'zod';

/** The list of components of an image as builds write it (CycloneDX), as far as we read it again. */

const named = z.object({ name: z.string(), value: z.string() });

export const componentSchema = z.object({
  type: z.string(),
  name: z.string(),
  version: z.string(),
  description: z.string().optional(),
  purl: z.string().optional(),
  hashes: z.array(z.object({ alg: z.string(), content: z.string() })).default([]),
  licenses: z.array(z.object({ license: z.object({ id: z.string().optional(), name: z.string().optional() }) })).default([]),
  externalReferences: z.array(z.object({ type: z.string(), url: z.string() })).default([]),
  properties: z.array(named).default([]),
});
export type Component = z.infer<typeof componentSchema>;

export const componentListSchema = z.object({
  bomFormat: z.literal('CycloneDX'),
  specVersion: z.string(),
  serialNumber: z.string(),
  metadata: z.object({
    timestamp: z.string(),
    tools: z.object({ components: z.array(z.object({ name: z.string(), version: z.string() })) }),
    component: componentSchema,
  }),
  components: z.array(componentSchema),
});
export type ComponentList = z.infer<typeof componentListSchema>;
