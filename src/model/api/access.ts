import { z } from 'zod';
import { type Contract, idSchema, nameSchema, pageOf, pageQuery, roleSchema } from './contract-type.ts';

/** `*`, a name, or the beginning of names: `debian-*`. */
const pattern = z.string().regex(/^(\*|[a-z0-9][a-z0-9._-]{0,63}\*?)$/, 'must be a name, the beginning of names and "*", or "*"');

/** What somebody may do, and with which templates and channels. */
export const grantSchema = z
  .object({ role: roleSchema, templates: pattern.default('*'), channels: pattern.default('*') })
  .meta({ id: 'Grant' });
export type Grant = z.output<typeof grantSchema>;

const grants = z.array(grantSchema).min(1).max(50);
const password = z.string().min(12, 'must have at least 12 characters').max(256).describe('At least 12 characters; any are good');

export const userSchema = z
  .object({
    name: z.string(),
    kind: z.enum(['local', 'oidc']),
    grants: z.array(grantSchema),
    enabled: z.boolean(),
    created: z.string(),
    lastLogin: z.string().optional(),
  })
  .meta({ id: 'User' });
export type ApiUser = z.infer<typeof userSchema>;

export const meSchema = z
  .object({
    name: z.string(),
    kind: z.enum(['local', 'oidc']),
    grants: z.array(grantSchema),
    by: z.enum(['session', 'token', 'machine']),
    expires: z.string().describe('When the session or token ends'),
  })
  .meta({ id: 'Me' });
export type Me = z.infer<typeof meSchema>;

export const tokenSchema = z
  .object({
    id: z.string(),
    name: z.string(),
    user: z.string(),
    grants: z.array(grantSchema),
    created: z.string(),
    expires: z.string(),
    lastUsed: z.string().optional(),
  })
  .meta({ id: 'Token' });
export type ApiToken = z.infer<typeof tokenSchema>;

export const auditEntrySchema = z
  .object({
    number: z.int().describe('From 1, without gaps'),
    time: z.string(),
    who: z.string(),
    by: z.enum(['session', 'token', 'machine', 'webhook', 'server', 'nobody']),
    address: z.string().optional(),
    action: z.string().describe('The id of the route, or what the server did'),
    on: z.record(z.string(), z.string()).describe('What it was about'),
    outcome: z.enum(['done', 'refused', 'failed']),
    code: z.string().optional(),
    request: z.string().optional(),
    previous: z.string(),
    hash: z.string().describe('SHA-256 of this entry without it; `previous` is that of the entry before'),
  })
  .meta({ id: 'AuditEntry' });
export type AuditEntry = z.infer<typeof auditEntrySchema>;

const webhookEvents = z
  .array(z.enum(['job.finished', 'image.published', 'image.revoked', 'channel.moved', 'channel.proposed']))
  .min(1);

export const webhookSchema = z
  .object({
    id: z.string(),
    url: z.string(),
    events: webhookEvents,
    enabled: z.boolean(),
    created: z.string(),
    secrets: z.array(z.object({ id: z.string(), created: z.string() })).describe('One or two; both sign'),
    last: z
      .object({ at: z.string(), event: z.string(), status: z.int().optional(), error: z.string().optional(), attempt: z.int() })
      .optional(),
  })
  .meta({ id: 'Webhook' });
export type ApiWebhook = z.infer<typeof webhookSchema>;

const login = z.object({ name: nameSchema, password: z.string().min(1).max(256) });

export const accessContract = {
  'POST /setup': {
    id: 'setUp',
    tag: 'Session',
    title: 'Make the first account, an admin, with the token that the server printed when it started',
    needs: 'public',
    body: z.object({ token: z.string().min(1).max(200), name: nameSchema, password }),
    answer: meSchema,
    status: 201,
  },
  'POST /session': {
    id: 'logIn',
    tag: 'Session',
    title: 'Log in; sets the session cookie',
    needs: 'public',
    body: login,
    answer: meSchema,
  },
  'GET /session': { id: 'me', tag: 'Session', title: 'Who I am, and what I may do', needs: 'self', answer: meSchema },
  'DELETE /session': { id: 'logOut', tag: 'Session', title: 'Log out', needs: 'self' },
  'GET /session/oidc': {
    id: 'startOidc',
    tag: 'Session',
    title: 'Log in at the OpenID provider: goes there',
    needs: 'public',
    media: 'text/html',
    status: 302,
  },
  'GET /session/oidc/callback': {
    id: 'finishOidc',
    tag: 'Session',
    title: 'Comes back from the OpenID provider',
    needs: 'public',
    query: z.looseObject({}),
    media: 'text/html',
    status: 302,
  },
  'PUT /session/password': {
    id: 'changePassword',
    tag: 'Session',
    title: 'Change my password; ends all my other sessions',
    needs: 'self',
    body: z.object({ old: z.string().min(1).max(256), password }),
  },
  'GET /users': { id: 'listUsers', tag: 'Users', title: 'All users', needs: 'admin', answer: z.array(userSchema) },
  'POST /users': {
    id: 'createUser',
    tag: 'Users',
    title: 'Make a user, by OIDC or with a first password',
    needs: 'admin',
    body: z.object({ name: nameSchema, password: password.optional(), grants }),
    answer: userSchema,
    status: 201,
  },
  'PUT /users/:user': {
    id: 'changeUser',
    tag: 'Users',
    title: 'Change what a user may do, or set a new password; ends the sessions of that user',
    needs: 'admin',
    params: z.object({ user: nameSchema }),
    body: z.object({ grants: grants.optional(), enabled: z.boolean().optional(), password: password.optional() }),
    answer: userSchema,
  },
  'DELETE /users/:user': {
    id: 'deleteUser',
    tag: 'Users',
    title: 'Remove a user with all sessions and tokens',
    needs: 'admin',
    params: z.object({ user: nameSchema }),
  },
  'GET /tokens': {
    id: 'listTokens',
    tag: 'Tokens',
    title: 'My API tokens; those of all users for an admin with `all=true`',
    needs: 'self',
    query: z.object({ all: z.enum(['true', 'false']).optional() }),
    answer: z.array(tokenSchema),
  },
  'POST /tokens': {
    id: 'createToken',
    tag: 'Tokens',
    title: 'Make an API token, which is shown this once; it can do no more than its user',
    needs: 'self',
    body: z.object({
      name: z
        .string()
        .min(1)
        .max(64)
        .regex(/^[^\p{C}]+$/u, 'must be visible characters'),
      grants: grants.optional(),
      days: z.int().min(1).max(90).default(30),
    }),
    answer: tokenSchema.extend({ token: z.string().describe('`gbt_…`') }),
    status: 201,
  },
  'DELETE /tokens/:token': {
    id: 'revokeToken',
    tag: 'Tokens',
    title: 'End a token of mine; an admin ends any',
    needs: 'self',
    params: z.object({ token: idSchema }),
  },
  'GET /audit': {
    id: 'listAudit',
    tag: 'Audit',
    title: 'Who did what, the newest first',
    needs: 'admin',
    query: z.object({ ...pageQuery, who: z.string().max(64).optional(), action: z.string().max(64).optional() }),
    answer: pageOf(auditEntrySchema),
  },
  'POST /audit/verify': {
    id: 'verifyAudit',
    tag: 'Audit',
    title: 'Whether the chain of hashes is whole',
    needs: 'admin',
    answer: z.object({ ok: z.boolean(), entries: z.int(), head: z.string(), fault: z.string().optional() }),
    quiet: true,
  },
  'POST /hooks/github/:hook': {
    id: 'githubHook',
    tag: 'Webhooks',
    title: 'A push at GitHub builds templates; signed with HMAC-SHA256 over the raw body',
    needs: 'public',
    params: z.object({ hook: nameSchema }),
    body: z.looseObject({}),
    answer: z.object({ jobs: z.array(z.string()), ignored: z.string().optional() }),
    status: 202,
  },
  'GET /webhooks': {
    id: 'listWebhooks',
    tag: 'Webhooks',
    title: 'Where events are sent',
    needs: 'admin',
    answer: z.array(webhookSchema),
  },
  'POST /webhooks': {
    id: 'createWebhook',
    tag: 'Webhooks',
    title: 'Send events to a URL; answers with the secret, this once',
    needs: 'admin',
    body: z.object({ url: z.url({ protocol: /^https?$/ }).max(2000), events: webhookEvents }),
    answer: webhookSchema.extend({ secret: z.string() }),
    status: 201,
  },
  'POST /webhooks/:webhook/secrets': {
    id: 'rotateWebhookSecret',
    tag: 'Webhooks',
    title: 'Add a new secret; the one before stays active until it is removed or another one is added',
    needs: 'admin',
    params: z.object({ webhook: idSchema }),
    answer: webhookSchema.extend({ secret: z.string() }),
    status: 201,
  },
  'DELETE /webhooks/:webhook/secrets/:secret': {
    id: 'removeWebhookSecret',
    tag: 'Webhooks',
    title: 'Remove the older secret',
    needs: 'admin',
    params: z.object({ webhook: idSchema, secret: idSchema }),
  },
  'POST /webhooks/:webhook/test': {
    id: 'testWebhook',
    tag: 'Webhooks',
    title: 'Send a ping now, and say what came of it',
    needs: 'admin',
    params: z.object({ webhook: idSchema }),
    answer: z.object({ status: z.int().optional(), error: z.string().optional() }),
  },
  'DELETE /webhooks/:webhook': {
    id: 'deleteWebhook',
    tag: 'Webhooks',
    title: 'Send no more',
    needs: 'admin',
    params: z.object({ webhook: idSchema }),
  },
} as const satisfies Contract;
