import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openCatalog } from './catalog/open-catalog.ts';
import { openStore } from './catalog/open-store.ts';
import { publish } from './catalog/publish.ts';
import { type Config, type ConfigFlags, readConfig } from './config.ts';
import { rootfsChecks } from './checks/index.ts';
import { openImage } from './disk/open-image.ts';
import * as distroRegistry from './distros/index.ts';
import { bootstrapEngine, removeTrees } from './engines/index.ts';
import * as formatRegistry from './formats/index.ts';
import type { Catalog, PublishedImage } from './model/catalog.ts';
import type { HostReport } from './model/host.ts';
import type { BuildRequest, BuildResult, TemplateSummary } from './model/build.ts';
import type { Verdict } from './model/check.ts';
import type { Plan } from './model/plan.ts';
import type { Arch } from './model/platform.ts';
import { buildAll } from './pipeline/build-all.ts';
import { type CacheEntry, listCache, pruneCache } from './pipeline/cache.ts';
import { inspectHost } from './pipeline/doctor.ts';
import { listTemplates } from './pipeline/list-templates.ts';
import { loadTemplate, type LoadOptions } from './pipeline/load.ts';
import { makePlan } from './pipeline/make-plan.ts';
import { newTemplate } from './pipeline/new-template.ts';
import type { Services } from './pipeline/services.ts';
import * as storeRegistry from './stores/index.ts';
import { EventBus } from './util/events.ts';
import { proveKvm } from './vms/index.ts';

/** The composition root: the one file that names every plugin, and hands them to what needs them. */

const root = join(import.meta.dirname, '..');

export interface App {
  config: Config;
  bus: EventBus;
  version: string;
  templates(): Promise<TemplateSummary[]>;
  newTemplate(name: string, from: string, folder: string): Promise<string>;
  plan(name: string, options: { arch?: Arch; offline: boolean }, signal: AbortSignal): Promise<Plan>;
  build(request: BuildRequest, signal: AbortSignal): Promise<BuildResult[]>;
  cacheList(): Promise<CacheEntry[]>;
  cachePrune(options: { maxBytes?: number; all: boolean }, signal: AbortSignal): Promise<{ removed: CacheEntry[] }>;
  verify(dir: string, options: { boot: boolean }, signal: AbortSignal): Promise<Verdict[]>;
  publish(dir: string, storeUrl: string, options: { channel?: string }, signal: AbortSignal): Promise<PublishedImage>;
  catalog(storeUrl: string): Promise<Catalog>;
  doctor(signal: AbortSignal): Promise<HostReport>;
}

export async function createApp(flags: ConfigFlags, environment: NodeJS.ProcessEnv = process.env): Promise<App> {
  const config = await readConfig(flags, environment, join(root, 'templates'));
  const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { version: string };
  const bus = new EventBus();
  const distros = Object.values(distroRegistry);
  const services: Services = {
    version,
    distros,
    engines: [bootstrapEngine({ distros, mirrors: config.mirrors, guestMirrors: config.guestMirrors })],
    formats: Object.values(formatRegistry),
    checks: rootfsChecks,
    openSubject: openImage,
    removeTrees,
    provisionDir: join(root, 'templates/provision'),
    cacheDir: config.cacheDir,
    cacheLimit: config.cacheLimit,
    bus,
    load: { folders: config.templateDirs, distros },
  };
  const load: LoadOptions = { ...services.load, engines: services.engines };
  const stores = Object.values(storeRegistry);
  return {
    config,
    bus,
    version,
    templates: () => listTemplates(load),
    newTemplate: (name, from, folder) => newTemplate({ name, from, folder, folders: config.templateDirs }),
    async plan(name, options, signal) {
      const loaded = await loadTemplate(name, { ...load, signal });
      return makePlan(loaded, options.arch, services, { cacheDir: config.cacheDir, offline: options.offline, signal, emit: bus.emitter(name) });
    },
    build: (request, signal) => buildAll(request, services, signal),
    cacheList: () => listCache(config.cacheDir),
    cachePrune: (options, signal) => pruneCache(options, services, signal),
    verify: () => Promise.resolve([]),
    publish: (dir, storeUrl, { channel }, signal) => publish(dir, openStore(stores, storeUrl), { channel, emit: bus.emitter(), signal }),
    catalog: async (storeUrl) => openCatalog(openStore(stores, storeUrl)),
    doctor: (signal) => examineHost(config, signal),
  };
}

async function examineHost(config: Config, signal: AbortSignal): Promise<HostReport> {
  const workdir = await mkdtemp(join(tmpdir(), 'gabarit-doctor-'));
  const { cacheDir, outputDir } = config;
  try {
    return await inspectHost({
      cacheDir,
      outputDir,
      tempDir: tmpdir(),
      mirrors: Object.entries(config.mirrors)
        .filter(([name]) => name === 'debian')
        .map(([name, uri]) => ({ name, url: `${uri.replace(/\/+$/, '')}/dists/stable/InRelease` })),
      proveKvm: () => proveKvm({ cacheDir, workdir, signal }),
      signal,
    });
  } finally {
    await rm(workdir, { recursive: true, force: true });
  }
}
