import { z } from 'zod';
import type { Contract } from './contract-type.ts';

export const aboutSchema = z
  .object({
    version: z.string().describe('Of Gabarit'),
    setupNeeded: z.boolean().describe('There is no account yet: POST /setup with the token that the server printed'),
    login: z.object({ password: z.boolean(), oidc: z.string().optional().describe('What to call the provider') }),
    stores: z.array(z.object({ name: z.string(), url: z.string() })).describe('The first one is meant when none is named'),
    writableTemplates: z.boolean().describe('Whether templates can be changed here'),
  })
  .meta({ id: 'About' });

export const readinessSchema = z
  .object({ ready: z.boolean(), checks: z.array(z.object({ name: z.string(), ok: z.boolean(), message: z.string() })) })
  .meta({ id: 'Readiness' });

export const systemContract = {
  'GET /health': {
    id: 'health',
    tag: 'System',
    title: 'Whether the process lives',
    needs: 'public',
    answer: z.object({ ok: z.literal(true) }),
  },
  'GET /ready': {
    id: 'ready',
    tag: 'System',
    title: 'Whether it can work: the database and the stores answer',
    needs: 'public',
    answer: readinessSchema,
  },
  'GET /about': { id: 'about', tag: 'System', title: 'What this server is and offers', needs: 'public', answer: aboutSchema },
  'GET /signing-key': {
    id: 'signingKey',
    tag: 'System',
    title: 'What signs that which is published here',
    needs: 'viewer',
    answer: z.object({
      fingerprint: z.string().optional().describe('Absent when nothing can be signed'),
      trust: z.string().optional().describe('The command by which another machine trusts it'),
    }),
  },
  'GET /metrics': {
    id: 'metrics',
    tag: 'System',
    title: 'Figures for Prometheus',
    needs: 'viewer',
    media: 'text/plain; version=0.0.4',
  },
  'POST /backup': {
    id: 'backUp',
    tag: 'System',
    title: 'All rows of the database, packed: for `gabarit db backup` on the machine of the server, which alone may',
    needs: 'admin',
    media: 'application/gzip',
  },
  'GET /openapi.json': {
    id: 'openapi',
    tag: 'System',
    title: 'This description',
    needs: 'public',
    answer: z.looseObject({ openapi: z.string() }),
  },
} as const satisfies Contract;
