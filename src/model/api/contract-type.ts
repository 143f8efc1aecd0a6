import { z } from 'zod';

/**
 * The contract of the HTTP API, as data: what the server carries out, what the client calls, what OpenAPI says and who may do it all
 * come from it. Its keys are the routes themselves (`GET /templates/:template`), below /api/v1.
 */

/** Each may do what those before it may. */
export const roles = ['viewer', 'builder', 'publisher', 'admin'] as const;
export const roleSchema = z.enum(roles);
export type Role = z.infer<typeof roleSchema>;

/** `public`: anybody; `self`: whoever is logged in, about himself. */
export type Need = Role | 'public' | 'self';

/** One route. Left out: it takes none of it. */
export interface RouteContract {
  /** OpenAPI's operationId. */
  id: string;
  tag: string;
  title: string;
  needs: Need;
  params?: z.ZodObject;
  query?: z.ZodObject;
  body?: z.ZodType;
  /** JSON; absent where the answer is something else, which `media` names, or empty. */
  answer?: z.ZodType;
  media?: string;
  /** Of the answer when all went well; 200 (or 204 without an answer) by default. */
  status?: number;
  /** It does nothing the second time with the same Idempotency-Key. */
  idempotent?: true;
  /** It is not written into the audit log although it changes something. */
  quiet?: true;
}

export type Contract = Record<string, RouteContract>;

/** The name of a template, image, target, store, hook or user, as it stands in a path. */
export const nameSchema = z.string().regex(/^[a-z0-9][a-z0-9._-]{0,63}$/, 'must be lower-case letters, digits, ".", "_" and "-"');
export const idSchema = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/, 'must be an id');
export const versionSchema = z.string().regex(/^\d{8}\.\d{1,6}$/, 'must be a version such as 20261123.1');
export const channelNameSchema = z.string().regex(/^[a-z][a-z0-9-]{0,31}$/, 'must be the name of a channel');
export const digestSchema = z.string().regex(/^sha256:[0-9a-f]{64}$/, 'must be sha256: and 64 hex digits');

/** A page of a list: `next` is the `cursor` of the page after it, absent at the end. */
export function pageOf<T extends z.ZodType>(item: T): z.ZodObject<{ items: z.ZodArray<T>; next: z.ZodOptional<z.ZodString> }> {
  return z.object({ items: z.array(item), next: z.string().optional() });
}

export const pageQuery = {
  cursor: z.string().max(200).optional().describe('`next` of the page before'),
  limit: z.coerce.number().int().min(1).max(500).default(100),
};

/** One fault with its place. */
export const faultSchema = z
  .object({
    message: z.string(),
    file: z.string().optional(),
    line: z.int().optional(),
    column: z.int().optional(),
    hint: z.string().optional(),
  })
  .meta({ id: 'Fault' });

/** What failed, as RFC 9457 has it, with our code. */
export const problemSchema = z
  .object({
    type: z.string().describe('`https://gabarit.example/errors/CODE`'),
    title: z.string(),
    status: z.int(),
    detail: z.string().describe('What failed, on what'),
    code: z.string().describe('From docs/reference/errors.md'),
    hint: z.string().optional().describe('What can be done about it'),
    faults: z.array(faultSchema).optional().describe('All that is wrong, with its places'),
    retry: z.boolean().describe('Whether the same request may work later'),
    instance: z.string().describe('The id of the request, as it stands in the log of the server'),
  })
  .meta({ id: 'Problem' });
export type Problem = z.infer<typeof problemSchema>;
