import { z } from 'zod';
import { faultSchema, type Contract, nameSchema } from './contract-type.ts';

export const targetSummarySchema = z
  .object({
    name: z.string(),
    kind: z.string(),
    hosts: z.array(z.string()).describe('Addresses, without credentials'),
  })
  .meta({ id: 'Target' });

export const deploymentSchema = z
  .object({
    target: z.string(),
    template: z.string(),
    version: z.string(),
    digest: z.string(),
    state: z.enum(['current', 'retired', 'unfinished', 'deleted']),
    id: z.string(),
    name: z.string(),
    drift: z.array(z.string()).describe('What somebody else changed'),
    revoked: z.string().optional().describe('Why its image must not be used any more'),
  })
  .meta({ id: 'Deployment' });
export type ApiDeployment = z.infer<typeof deploymentSchema>;

const failure = z.object({ code: z.string(), message: z.string(), hint: z.string().optional(), faults: z.array(faultSchema) });

export const targetResultSchema = z
  .object({
    target: z.string(),
    outcome: z.string(),
    plan: z.looseObject({ action: z.enum(['none', 'promote', 'import']), notes: z.array(z.string()) }).optional(),
    deployment: deploymentSchema.optional(),
    error: failure.optional(),
  })
  .meta({ id: 'TargetResult' });

export const targetsContract = {
  'GET /targets': {
    id: 'listTargets',
    tag: 'Targets',
    title: 'The targets of the configuration',
    needs: 'viewer',
    answer: z.array(targetSummarySchema),
  },
  'GET /deployments': {
    id: 'listDeployments',
    tag: 'Targets',
    title: 'What lies on targets, with drift; asks them',
    needs: 'viewer',
    query: z.object({ target: nameSchema.optional(), store: nameSchema.optional() }),
    answer: z.array(z.object({ target: z.string(), deployments: z.array(deploymentSchema), error: failure.optional() })),
  },
  'POST /deployments/preview': {
    id: 'previewDeployment',
    tag: 'Targets',
    title: 'What a deployment would do; a job of kind `deploy` does it',
    needs: 'publisher',
    body: z.object({ image: z.string().max(200), targets: z.array(nameSchema).min(1).max(50), store: nameSchema.optional() }),
    answer: z.array(targetResultSchema),
    quiet: true,
  },
  'POST /deployments/rollback': {
    id: 'rollBackDeployment',
    tag: 'Targets',
    title: 'Give the name back to the deployment before, or to a given version',
    needs: 'publisher',
    body: z.object({ template: nameSchema, targets: z.array(nameSchema).min(1).max(50), version: z.string().max(40).optional() }),
    answer: z.array(targetResultSchema),
  },
} as const satisfies Contract;
