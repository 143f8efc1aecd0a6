import { z } from 'zod';
import { channelNameSchema, type Contract, faultSchema, nameSchema, versionSchema } from './contract-type.ts';

export const templateSummarySchema = z
  .object({
    name: z.string(),
    description: z.string(),
    distro: z.string(),
    release: z.string(),
    os: z.string().describe('Distribution and release as people name them'),
    platforms: z.array(z.string()),
    formats: z.array(z.string()),
    writable: z.boolean().describe('Whether it can be changed here'),
    error: z.string().optional().describe('Why it cannot be used'),
    warning: z.string().optional().describe('What should be known before it is used: that support has ended'),
    newest: versionSchema.optional().describe('The newest image of it in the store'),
    channels: z.record(channelNameSchema, versionSchema).describe('Which image each channel points at'),
  })
  .meta({ id: 'TemplateSummary' });
export type ApiTemplateSummary = z.infer<typeof templateSummarySchema>;

export const templateDetailSchema = z
  .object({
    name: z.string(),
    yaml: z.string().describe('The definition as it was written; TypeScript for a definition in that language'),
    language: z.enum(['yaml', 'typescript']),
    writable: z.boolean(),
    etag: z.string().describe('For If-Match, when it is changed'),
    resolved: z.looseObject({}).optional().describe('With all that it extends and all defaults; absent when it has faults'),
    extends: z.array(z.string()).describe('The templates that it extends, nearest first'),
    faults: z.array(faultSchema),
    warnings: z.array(faultSchema),
  })
  .meta({ id: 'TemplateDetail' });
export type ApiTemplateDetail = z.infer<typeof templateDetailSchema>;

const yamlText = z.string().max(262_144);
const definition = z.object({ yaml: yamlText });

export const templateCheckSchema = z
  .object({
    ok: z.boolean(),
    faults: z.array(faultSchema),
    warnings: z.array(faultSchema),
    resolved: z.looseObject({}).optional(),
  })
  .meta({ id: 'TemplateCheck' });
export type ApiTemplateCheck = z.infer<typeof templateCheckSchema>;

export const planPackageSchema = z.object({ name: z.string(), version: z.string(), arch: z.string(), size: z.int() });

export const planPreviewSchema = z
  .object({
    id: z.string(),
    template: z.string(),
    arch: z.string(),
    release: z.object({ id: z.string(), codename: z.string(), title: z.string() }),
    formats: z.array(z.string()),
    provisioning: z.array(z.object({ kind: z.string(), name: z.string() })),
    packages: z.array(planPackageSchema).describe('Exactly what would be installed'),
    downloadBytes: z.int(),
  })
  .meta({ id: 'PlanPreview' });
export type ApiPlanPreview = z.infer<typeof planPreviewSchema>;

const template = z.object({ template: nameSchema });

export const templatesContract = {
  'GET /templates': {
    id: 'listTemplates',
    tag: 'Templates',
    title: 'All templates',
    needs: 'viewer',
    answer: z.array(templateSummarySchema),
  },
  'POST /templates': {
    id: 'createTemplate',
    tag: 'Templates',
    title: 'Make a template that extends another',
    needs: 'builder',
    body: z.object({ name: nameSchema, from: nameSchema.optional(), yaml: yamlText.optional() }),
    answer: templateDetailSchema,
    status: 201,
  },
  'GET /templates/:template': {
    id: 'getTemplate',
    tag: 'Templates',
    title: 'A template: what was written, and what it means',
    needs: 'viewer',
    params: template,
    answer: templateDetailSchema,
  },
  'PUT /templates/:template': {
    id: 'writeTemplate',
    tag: 'Templates',
    title: 'Change a template; If-Match is the etag that was seen',
    needs: 'builder',
    params: template,
    body: definition,
    answer: templateDetailSchema,
  },
  'POST /templates/:template/check': {
    id: 'checkTemplate',
    tag: 'Templates',
    title: 'Find all faults of a definition, with their places, without writing it',
    needs: 'viewer',
    params: template,
    body: definition,
    answer: templateCheckSchema,
    quiet: true,
  },
  'GET /template-schema': {
    id: 'templateSchema',
    tag: 'Templates',
    title: 'JSON Schema (2020-12) of a definition',
    needs: 'viewer',
    answer: z.looseObject({}),
  },
  'POST /plans': {
    id: 'previewPlan',
    tag: 'Templates',
    title: 'What a build would do; asks the mirrors, builds nothing',
    needs: 'builder',
    body: z.object({
      template: nameSchema,
      yaml: yamlText.optional().describe('Instead of what was saved'),
      offline: z.boolean().default(false).describe('Use only what the cache holds'),
    }),
    answer: planPreviewSchema,
    quiet: true,
  },
} as const satisfies Contract;
