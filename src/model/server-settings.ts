import { z } from 'zod';
import { credentialPattern } from '../util/credential.ts';
import { roleSchema } from './api/contract-type.ts';

/** What a person says about `gabarit serve`, in `server:` of the configuration. */

const credential = z.string().regex(credentialPattern, 'must be env:NAME or file:PATH, never the value itself');
const name = z.string().regex(/^[a-z0-9][a-z0-9._-]{0,62}$/);
const pattern = z.string().regex(/^(\*|[a-z0-9][a-z0-9._-]{0,63}\*?)$/, 'must be a name, the beginning of names and "*", or "*"');

const grant = z.strictObject({ role: roleSchema, templates: pattern.default('*'), channels: pattern.default('*') });

export const oidcSettingsSchema = z.strictObject({
  title: z.string().max(40).default('OpenID').describe('What to call it on the page'),
  issuer: z.url({ protocol: /^https?$/ }).describe('Its issuer URL; http only on loopback'),
  clientId: z.string(),
  clientSecret: credential.optional(),
  scopes: z.array(z.string()).default(['openid', 'profile', 'groups']),
  nameClaim: z.string().default('preferred_username'),
  groupsClaim: z.string().default('groups'),
  groups: z
    .record(z.string(), z.array(grant).min(1))
    .default({})
    .describe('What the members of each group may do; who is in none may not log in'),
});
export type OidcSettings = z.output<typeof oidcSettingsSchema>;

export const serverSettingsSchema = z.strictObject({
  stores: z
    .array(z.string())
    .default([])
    .describe('What `--store` says: URLs, or names of the configuration; the first one is the default'),
  templates: z.string().optional().describe('Where templates are written that people change in the web page'),
  publicUrl: z
    .url({ protocol: /^https?$/ })
    .optional()
    .describe('By which it is reached, when a proxy stands before it'),
  hosts: z.array(z.string()).default([]).describe('Further names by which it is reached'),
  trustedProxies: z.array(z.string()).default([]).describe('Addresses whose X-Forwarded-For is believed'),
  allowNetworks: z
    .array(z.union([z.cidrv4(), z.cidrv6()]))
    .default([])
    .describe('Private networks that webhooks may be sent to; the metadata addresses of clouds never'),
  oidc: oidcSettingsSchema.optional().describe('Log in at an OpenID provider'),
  github: z
    .record(
      name,
      z.strictObject({
        secret: credential,
        repository: z.string().regex(/^[\w.-]+\/[\w.-]+$/, 'must be OWNER/NAME'),
        branch: z.string().default('main'),
        templates: z.array(name).min(1).describe('What a push builds'),
        publish: z
          .strictObject({
            store: z.string().optional(),
            channel: z
              .string()
              .regex(/^[a-z][a-z0-9-]{0,31}$/)
              .optional(),
          })
          .optional(),
      }),
    )
    .default({})
    .describe('Webhooks of GitHub, by the last part of their URL: /api/v1/hooks/github/NAME'),
});
export type ServerSettings = z.output<typeof serverSettingsSchema>;
