import { randomUUID } from 'node:crypto';
import { isIP } from 'node:net';
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import type { AuditEntry } from '../model/api/access.ts';
import { apiPrefix, contract } from '../model/api/contract.ts';
import { type Contract, type Role, type RouteContract } from '../model/api/contract-type.ts';
import type { Emit } from '../util/events.ts';
import { AppError } from '../util/errors.ts';
import { mustBeWithin, RateLimit } from './access/attempts.ts';
import { type About, type Caller, may } from './access/caller.ts';
import { tokenPrefix } from './access/secret-text.ts';
import type { Sessions } from './access/sessions.ts';
import type { Tokens } from './access/tokens.ts';
import type { AuditLog } from './audit-log.ts';
import { compress } from './http/compress.ts';
import { cookieName, readCookie } from './http/cookie.ts';
import { setSecurityHeaders } from './http/headers.ts';
import { oneLine } from './http/one-line.ts';
import type { Origins } from './http/origin.ts';
import { knownError, problemOf } from './http/problem.ts';
import { readRequest } from './http/read-request.ts';
import type { IdempotencyKeys } from './idempotency.ts';
import type { ApiRequest, Handlers, Raw } from './route.ts';

/** The HTTP server: carries the contract out, whatever the routes do. */

export interface ServerParts {
  handlers: Handlers<typeof contract>;
  sessions: Pick<Sessions, 'find'>;
  tokens: Pick<Tokens, 'find'>;
  audit: Pick<AuditLog, 'add'>;
  idempotency: IdempotencyKeys;
  origins: Origins;
  emit: Emit;
  tls?: { key: Buffer; cert: Buffer } | undefined;
  /** Addresses of proxies whose X-Forwarded-For is believed. */
  trustedProxies?: readonly string[];
  limits?: { api: number; login: number };
}

/** What one request has gathered. */
interface State {
  route: RouteContract;
  caller?: Caller;
  about: Record<string, string>;
  failure?: string;
}

const unsafe = (method: string): boolean => method !== 'GET' && method !== 'HEAD';
const states = new WeakMap<FastifyRequest, State>();
/** The bytes of a body, for signatures. */
const bodies = new WeakMap<FastifyRequest, Buffer>();

export function rawBody(request: FastifyRequest): Buffer {
  return bodies.get(request) ?? Buffer.alloc(0);
}

export function callerOf(request: FastifyRequest): Caller | undefined {
  return states.get(request)?.caller;
}

export function createServer(parts: ServerParts): { server: FastifyInstance; admission: Admission } {
  const { origins, tls } = parts;
  const options = {
    genReqId: () => randomUUID(),
    bodyLimit: 512 * 1024,
    routerOptions: { maxParamLength: 200, caseSensitive: true, ignoreTrailingSlash: false },
    // Whoever sends its request slowly, byte by byte, is cut off.
    connectionTimeout: 0,
    requestTimeout: 20_000,
    keepAliveTimeout: 10_000,
    trustProxy: parts.trustedProxies && parts.trustedProxies.length > 0 ? [...parts.trustedProxies] : false,
    // An update of the page must not keep the server from ending.
    forceCloseConnections: true as const,
    logger: false as const,
  };
  const http = { headersTimeout: 10_000, maxHeaderSize: 16 * 1024, connectionsCheckingInterval: 2000 };
  const server = (tls
    ? fastify({ ...options, https: { ...tls, ...http, minVersion: 'TLSv1.2' } })
    : fastify({ ...options, http })) as unknown as FastifyInstance;
  server.server.maxConnections = 1000;
  server.server.maxRequestsPerSocket = 10_000;

  server.removeAllContentTypeParsers();
  const parseJson = server.getDefaultJsonParser('error', 'error');
  server.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, body, done) => {
    bodies.set(request, body as Buffer);
    if (body.length === 0) return done(null, undefined);
    return parseJson(request, body.toString('utf8'), done);
  });

  const login = new RateLimit(parts.limits?.login ?? 5, 60_000);
  const api = new RateLimit(parts.limits?.api ?? 300, 60_000);
  const context: Context = { ...parts, login, api };

  server.addHook('onRequest', async (request, reply) => {
    setSecurityHeaders(reply, origins.isSecure);
    void reply.header('x-request-id', request.id);
    origins.checkHost(request);
  });
  server.addHook('onSend', compress);
  server.addHook('onResponse', async (request, reply) => log(request, reply, context));
  server.setErrorHandler(async (error, request, reply) => answerError(error, request, reply, context));
  server.setNotFoundHandler(async (request, reply) =>
    answerError(
      new AppError('NOT_FOUND', `There is nothing at ${request.method} ${request.url.slice(0, 200)}`),
      request,
      reply,
      context,
    ),
  );
  for (const [key, route] of Object.entries(contract as Contract)) {
    if (route.id === 'openConsole') continue; // A WebSocket: it is added with the console.
    const [method = 'GET', path = ''] = key.split(' ');
    const handler = (parts.handlers as Record<string, unknown>)[key] as (request: unknown) => unknown;
    server.route({
      method,
      url: apiPrefix + path,
      onRequest: async (request) => admit(route, request, context),
      handler: async (request, reply) => carryOut(key, route, handler, request, reply, context),
    });
  }
  return { server, admission: context };
}

interface Context extends ServerParts {
  login: RateLimit;
  api: RateLimit;
}

/** What it takes to know who asks. */
export type Admission = Pick<Context, 'origins' | 'sessions' | 'tokens' | 'login' | 'api'>;

/** Who it is, whether he may, whether it was really he, and whether it is not too often: before the body is read. */
export async function admit(route: RouteContract, request: FastifyRequest, context: Admission): Promise<Caller | undefined> {
  const state: State = { route, about: aboutOf(request) };
  states.set(request, state);
  const caller = await identify(request, context);
  if (caller) state.caller = caller;
  const isProgram = caller?.by === 'token' || caller?.by === 'machine';
  if (unsafe(request.method) && !isProgram && !request.url.startsWith(`${apiPrefix}/hooks/`)) {
    context.origins.checkSite(request, { mustHaveOrigin: caller !== undefined });
  }
  if (route.id === 'logIn' || route.id === 'setUp') mustBeWithin(context.login, addressOf(request), 'attempts to log in');
  else mustBeWithin(context.api, caller ? `${caller.by} ${caller.id}` : addressOf(request), 'requests');
  if (route.needs === 'public') return caller;
  if (!caller) {
    throw new AppError('NOT_LOGGED_IN', 'Nobody is logged in', {
      hint: 'Log in, or send an API token: Authorization: Bearer gbt_…',
    });
  }
  if (route.needs !== 'self') must(caller, route.needs, state.about);
  return caller;
}

async function identify(
  request: FastifyRequest,
  { sessions, tokens, origins }: Pick<Context, 'origins' | 'sessions' | 'tokens'>,
): Promise<Caller | undefined> {
  const { authorization, cookie } = request.headers;
  if (authorization !== undefined) {
    const token = /^Bearer ([\x21-\x7e]{1,200})$/i.exec(authorization)?.[1];
    const caller = token?.startsWith(tokenPrefix) ? await tokens.find(token) : undefined;
    if (caller) return caller;
    throw new AppError('NOT_LOGGED_IN', 'The token is not known, or has ended', {
      hint: 'Make a new one: Tokens in the web page, or POST /api/v1/tokens.',
    });
  }
  const secret = readCookie(cookie, cookieName(origins.isSecure));
  return secret === undefined ? undefined : sessions.find(secret);
}

function must(caller: Caller, role: Role, about: About): void {
  if (may(caller, role, about)) return;
  const what = [about.template && ` with ${about.template}`, about.channel && ` in the channel ${about.channel}`]
    .filter(Boolean)
    .join('');
  throw new AppError('FORBIDDEN', `${caller.name} may not act as ${role}${what}`, {
    hint: 'An admin gives rights: Users in the web page.',
  });
}

async function carryOut(
  key: string,
  route: RouteContract,
  handler: (request: unknown) => unknown,
  request: FastifyRequest,
  reply: FastifyReply,
  context: Context,
): Promise<unknown> {
  const state = states.get(request) as State;
  const read = readRequest(route, request);
  const leaving = new AbortController();
  reply.raw.once('close', () => leaving.abort());
  const { caller } = state;
  const asked: Omit<ApiRequest<RouteContract>, 'params' | 'query' | 'body' | 'caller'> & Record<string, unknown> = {
    ...read,
    caller,
    signal: leaving.signal,
    must: (role, about) => must(caller as Caller, role, { ...about }),
    may: (role, about) => caller !== undefined && may(caller, role, { ...about }),
    about: (on) => Object.assign(state.about, on),
    raw: request,
    reply,
  };
  const work = async (): Promise<unknown> => handler(asked);
  if (route.answer === undefined && route.media !== undefined) return sendRaw((await work()) as Raw | undefined, route, reply);
  const answer = route.idempotent
    ? await context.idempotency.once(request, caller as Caller, key, read.body, work)
    : await work();
  await record(request, 200, context);
  if (route.answer === undefined) return reply.code(route.status ?? 204).send();
  void reply.code(route.status ?? 200).type('application/json; charset=utf-8');
  // What the contract does not name does not leave the house.
  return reply.send(JSON.stringify(route.answer.parse(answer)));
}

function sendRaw(raw: Raw | undefined, route: RouteContract, reply: FastifyReply): FastifyReply {
  if (raw === undefined) return reply;
  return reply
    .code(raw.status ?? route.status ?? 200)
    .type(raw.type ?? route.media ?? 'application/octet-stream')
    .headers(raw.headers ?? {})
    .send(raw.body);
}

async function answerError(
  error: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
  context: Context,
): Promise<FastifyReply> {
  const problem = problemOf(error, request.id);
  const state = states.get(request);
  if (state) state.failure = problem.code;
  await record(request, problem.status, context);
  if (!knownError(error)) {
    context.emit({
      type: 'log',
      level: 'error',
      message: oneLine({ request: request.id, bug: error instanceof Error ? error.stack : String(error) }),
    });
  }
  const wait = error instanceof AppError ? error.details['retryAfter'] : undefined;
  if (typeof wait === 'number') void reply.header('retry-after', String(wait));
  return reply.code(problem.status).type('application/problem+json').send(JSON.stringify(problem));
}

function log(request: FastifyRequest, reply: FastifyReply, { emit }: Context): void {
  const line = {
    method: request.method,
    url: request.url.slice(0, 500),
    status: reply.statusCode,
    ms: Math.round(reply.elapsedTime),
    who: callerOf(request)?.name,
    request: request.id,
  };
  emit({ type: 'log', level: 'debug', message: oneLine(line), source: 'http' });
}

/** What changed something, or was to, is written down with who did it, before he hears of it; so is every refusal. */
async function record(request: FastifyRequest, status: number, { audit }: Context): Promise<void> {
  const state = states.get(request);
  if (!state) return;
  const { route, caller, about, failure } = state;
  const isRefused = status === 401 || status === 403 || status === 429;
  const isChange = unsafe(request.method) && !route.quiet;
  if (!isChange && !(isRefused && (caller || route.needs === 'public'))) return;
  await audit.add(entryOf(route.id, request, { caller, about, failure, status, isRefused }));
}

function entryOf(
  action: string,
  request: FastifyRequest,
  {
    caller,
    about,
    failure,
    status,
    isRefused,
  }: {
    caller: Caller | undefined;
    about: Record<string, string>;
    failure: string | undefined;
    status: number;
    isRefused: boolean;
  },
): Omit<AuditEntry, 'number' | 'time' | 'previous' | 'hash'> {
  return {
    who: caller?.name ?? 'nobody',
    by: caller?.by ?? 'nobody',
    address: addressOf(request),
    action,
    on: about,
    outcome: isRefused ? 'refused' : status < 400 ? 'done' : 'failed',
    ...(failure === undefined ? {} : { code: failure }),
    request: request.id,
  };
}

export function addressOf(request: FastifyRequest): string {
  return isIP(request.ip) === 0 ? 'unknown' : request.ip;
}

/** What a request is about, by the names in its path; only what looks like a name. */
function aboutOf({ params }: FastifyRequest): Record<string, string> {
  return Object.fromEntries(
    Object.entries((params ?? {}) as Record<string, string>).filter(([, value]) => /^[A-Za-z0-9._@-]{1,64}$/.test(value)),
  );
}
