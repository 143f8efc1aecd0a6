import { mkdir, readFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { join } from 'node:path';
import type { FastifyInstance } from 'fastify';
import type { App } from '../app.ts';
import { openDatabase } from '../jobs/database.ts';
import { openJobs } from '../jobs/queue.ts';
import { openSchedules } from '../jobs/schedules.ts';
import { startWorker } from '../jobs/start-worker.ts';
import { contract } from '../model/api/contract.ts';
import { readCredential } from '../util/credential.ts';
import { AppError, errnoOf } from '../util/errors.ts';
import { Scope } from '../util/scope.ts';
import { userName } from '../util/user-name.ts';
import { openLockout } from './access/attempts.ts';
import { type LocalAccess, openLocalAccess } from './access/local-access.ts';
import { openOidc } from './access/oidc.ts';
import { openSessions } from './access/sessions.ts';
import { openTokens } from './access/tokens.ts';
import { openUsers } from './access/users.ts';
import { openAuditLog } from './audit-log.ts';
import { type CatalogView, openCatalogView } from './catalog-view.ts';
import { addConsoleRoute } from './console-route.ts';
import { openConsoles } from './consoles.ts';
import { addDocsPage } from './docs-page.ts';
import { openOrigins } from './http/origin.ts';
import { openIdempotencyKeys } from './idempotency.ts';
import { localAccessFile } from './local-access-file.ts';
import { followJobs } from './job-webhooks.ts';
import { openApiOf } from './openapi.ts';
import type { NamedStore, Parts } from './parts.ts';
import { allRoutes } from './routes/index.ts';
import { openSealer } from './sealed-text.ts';
import { createServer } from './server.ts';
import { addWebPage } from './web-page.ts';
import { openWebhooks } from './webhooks.ts';

/** How the server is to be started. */
export interface ServeOptions {
  host: string;
  /** 0: a free one. */
  port: number;
  tls?: { cert: string; key: string } | undefined;
  /** URLs, paths or names of the configuration; those of the configuration when there is none. */
  stores: readonly string[];
  /** Jobs at the same time in this process; 0: only other workers do them. */
  concurrency: number;
  labels: readonly string[];
  /** How to run one job in a process of its own. */
  command: readonly string[];
  environment: Readonly<Record<string, string>>;
  /** Where the built web page lies. */
  webDist?: string;
  limits?: { api: number; login: number };
}

export interface Served {
  /** `http://127.0.0.1:8480` */
  url: string;
  /** For the first account; undefined when there is one. */
  setupToken: string | undefined;
  /** What a person should know, as sentences. */
  warnings: string[];
  parts: Parts;
  server: FastifyInstance;
  /** Takes no more jobs and lets those that run end for up to `graceMs`, still answering; hands over the rest, and ends. */
  close(graceMs?: number): Promise<void>;
}

export const defaultGraceMs = 20_000;

/**
 * Starts the server: database, API, web page, and a worker, all in this process.
 * @throws AppError CONFIG_INVALID, DATABASE_IN_USE, AUDIT_BROKEN, HOST_NOT_READY when the port is taken
 */
export async function serve(app: App, options: ServeOptions): Promise<Served> {
  const { config } = app;
  const { environment } = options;
  mustVerifyCertificates(environment);
  const tls = options.tls && { cert: await readPem(options.tls.cert), key: await readPem(options.tls.key) };
  const warnings = warningsOf(options);
  const scope = new Scope();
  try {
    const database = await openDatabase(
      config.databaseUrl === undefined ? { folder: join(config.stateDir, 'database') } : { url: config.databaseUrl },
    );
    scope.defer(() => database.close());
    const audit = await openAuditLog(join(config.stateDir, 'server/audit.jsonl'));
    scope.defer(() => audit.close());
    const sealer = await openSealer(join(config.stateDir, 'server/secret.key'));
    const stores = namedStores(app, options.stores);
    // A folder that is to become a store is an empty catalog, not a missing one.
    for (const { url: place } of stores)
      if (place.startsWith('file:')) await mkdir(place.slice('file:'.length), { recursive: true });
    const storeNamed = storeFinder(stores);
    const views = new Map<string, CatalogView>(
      stores.map(({ name, reference }) => [name, openCatalogView(() => app.catalog(reference))]),
    );
    const users = openUsers(database);
    const origins = openOrigins({
      hosts: [...config.server.hosts, ...(isIP(options.host) === 0 ? [options.host] : [])],
      publicUrl: config.server.publicUrl,
      tls: tls !== undefined,
    });
    const credential = (reference: string): Promise<string> => readCredential(reference, environment);
    const { oidc } = config.server;
    let url = '';
    let local: LocalAccess | undefined;
    const webhooks = openWebhooks(database, sealer, { allow: config.server.allowNetworks });
    const parts: Parts = {
      app,
      database,
      jobs: openJobs(database),
      schedules: openSchedules(database),
      users,
      sessions: openSessions(database),
      tokens: openTokens(database),
      lockout: openLockout(),
      audit,
      origins,
      oidc:
        oidc &&
        openOidc({
          settings: oidc,
          secret: oidc.clientSecret === undefined ? undefined : await credential(oidc.clientSecret),
          origin: () => config.server.publicUrl?.replace(/\/$/, '') ?? url,
          users,
          sealer,
        }),
      webhooks,
      consoles: openConsoles(join(config.stateDir, 'consoles')),
      stores,
      storeNamed,
      view: (name) => views.get(storeNamed(name).name) as CatalogView,
      catalogFor: (name, by, { allowUnsupported } = {}) => app.catalog(storeNamed(name).reference, { by, allowUnsupported }),
      credential,
      now: () => new Date(),
    };
    const emit = app.bus.emitter();
    const fault = (error: unknown): void =>
      emit({ type: 'log', level: 'warn', message: error instanceof Error ? error.message : String(error) });

    const serverParts = {
      handlers: allRoutes(parts),
      sessions: parts.sessions,
      tokens: { find: async (token: string) => local?.find(token) ?? parts.tokens.find(token) },
      audit,
      idempotency: openIdempotencyKeys(database),
      origins,
      emit,
      tls,
      trustedProxies: config.server.trustedProxies,
      ...(options.limits ? { limits: options.limits } : {}),
    };
    const { server, admission } = createServer(serverParts);
    await addConsoleRoute(server, parts, admission);
    addDocsPage(server, openApiOf(contract, app.version));
    await addWebPage(server, options.webDist ?? join(import.meta.dirname, '../../web/dist'));
    scope.defer(() => server.close());
    url = await listen(server, options);
    local = await openLocalAccess(localAccessFile(config.stateDir), {
      user: userName(),
      url: nearUrl(url),
      certificate: tls?.cert.toString(),
    });
    scope.defer(() => local?.close());

    webhooks.start(fault);
    scope.defer(() => webhooks.close());
    scope.defer(await followJobs(parts, fault));
    const worker = await startWorker({
      db: database,
      stateDir: config.stateDir,
      labels: options.labels,
      concurrency: options.concurrency,
      command: options.command,
      environment: options.environment,
      version: app.version,
      onFault: fault,
    });
    let graceMs = 0;
    scope.defer(() => (graceMs > 0 ? worker.drain(graceMs) : worker.close()));
    await audit.add({
      who: 'gabarit',
      by: 'server',
      action: 'server.started',
      on: { version: app.version, url },
      outcome: 'done',
    });
    const setupToken = await users.newSetupToken();
    return {
      url,
      setupToken,
      warnings,
      parts,
      server,
      async close(grace = defaultGraceMs) {
        graceMs = grace;
        await scope.close();
      },
    };
  } catch (error) {
    await scope.close();
    throw error;
  }
}

/** From this very machine: who listens on all addresses listens on the nearest, too. */
function nearUrl(url: string): string {
  return url.replace('//0.0.0.0:', '//127.0.0.1:').replace('//[::]:', '//[::1]:');
}

/** Whoever turned the proof of certificates off for the whole process gets no server. @throws AppError CONFIG_INVALID */
function mustVerifyCertificates(environment: Readonly<NodeJS.ProcessEnv>): void {
  if (environment['NODE_TLS_REJECT_UNAUTHORIZED'] !== '0') return;
  throw new AppError('CONFIG_INVALID', 'NODE_TLS_REJECT_UNAUTHORIZED=0 turns off the proof of all certificates', {
    hint: 'Unset it. Name a private authority where it is needed (ca: in the configuration), or by NODE_EXTRA_CA_CERTS.',
  });
}

function warningsOf({ host, tls }: ServeOptions): string[] {
  const isLoopback = host === 'localhost' || host === '::1' || host.startsWith('127.');
  return isLoopback || tls
    ? []
    : [
        `Listening on ${host} without TLS: passwords and tokens can be read on the network. Give --tls-cert and --tls-key, or put a proxy before it.`,
      ];
}

async function readPem(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (cause) {
    throw new AppError('CONFIG_INVALID', `${path} cannot be read`, { cause });
  }
}

function namedStores(app: App, given: readonly string[]): NamedStore[] {
  const references =
    given.length > 0 ? given : app.config.server.stores.length > 0 ? app.config.server.stores : Object.keys(app.config.stores);
  return references.map((reference, index) => ({
    name: Object.hasOwn(app.config.stores, reference) ? reference : index === 0 ? 'main' : `store-${index + 1}`,
    reference,
    url: app.store(reference).url,
  }));
}

function storeFinder(stores: NamedStore[]): (name: string | undefined) => NamedStore {
  return (name) => {
    const found = name === undefined ? stores[0] : stores.find((store) => store.name === name);
    if (found) return found;
    if (stores.length === 0)
      throw new AppError('NOT_FOUND', 'This server has no store', { hint: 'gabarit serve --store file:/srv/templates' });
    throw new AppError('NOT_FOUND', `There is no store ${name ?? ''}`, {
      hint: `It has ${stores.map((store) => store.name).join(', ')}.`,
    });
  };
}

async function listen(server: FastifyInstance, { host, port }: ServeOptions): Promise<string> {
  try {
    return (await server.listen({ host, port })).replace(/\/$/, '');
  } catch (error) {
    if (errnoOf(error) !== 'EADDRINUSE' && errnoOf(error) !== 'EACCES' && errnoOf(error) !== 'EADDRNOTAVAIL') throw error;
    throw new AppError('HOST_NOT_READY', `Cannot listen on ${host}:${port}: ${errnoOf(error) ?? ''}`, {
      cause: error,
      hint: 'Another server runs there? Choose another --port.',
    });
  }
}
