import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openCatalog } from '../src/catalog/open-catalog.ts';
import { publish } from '../src/catalog/publish.ts';
import { raw } from '../src/formats/index.ts';
import { streamVhd } from '../src/formats/vhd/stream.ts';
import { streamXva } from '../src/formats/xva/stream.ts';
import type { DeployRequestOptions, TargetResult } from '../src/model/deploy.ts';
import { parseImageReference } from '../src/model/image-reference.ts';
import type { PublishedImage } from '../src/model/catalog.ts';
import type { StepContext } from '../src/model/step.ts';
import { deploy } from '../src/pipeline/deploy.ts';
import type { ConfiguredTarget, DeployServices } from '../src/pipeline/targets.ts';
import { openFileStore } from '../src/stores/file.ts';
import { xcpNg } from '../src/targets/index.ts';
import { type XcpNgSettings, xcpNgSettingsSchema } from '../src/targets/xcp-ng/settings.ts';
import { digestOfFile } from '../src/util/digest.ts';
import { type EmittedEvent, EventBus } from '../src/util/events.ts';
import { Scope } from '../src/util/scope.ts';
import { writeDisk } from './disks.ts';
import { writeOutputFolder } from './fakes/output-folder.ts';
import { type FakeXapi, type FakeXapiOptions, startXapi } from './fakes/xapi.ts';

const mib = 2 ** 20;

export interface SmallImage {
  template?: string;
  virtualSize?: number;
  platforms?: string[];
}

/** A pool that runs, a store with small images in it, and what is needed to deploy from one to the other. */
export interface DeployWorld extends AsyncDisposable {
  folder: string;
  pool: FakeXapi;
  services: DeployServices;
  events: EmittedEvent[];
  /** Writes a small image as a build does, and returns its folder. */
  build(version: string, options?: SmallImage): Promise<string>;
  /** Publishes a small image, whose disk has this size. */
  publish(version: string, options?: SmallImage): Promise<PublishedImage>;
  deploy(image: string, options?: Partial<DeployRequestOptions> & { signal?: AbortSignal }): Promise<TargetResult>;
  deployTo(
    targets: string[],
    image: string,
    options?: Partial<DeployRequestOptions> & { signal?: AbortSignal },
  ): Promise<TargetResult[]>;
  /** Adds a target, or changes one. */
  configure(name: string, settings?: Partial<XcpNgSettings>, pool?: FakeXapi): void;
  /** Names of the VM templates of ours, sorted, and how many disks there are. */
  left(): { templates: string[]; machines: string[]; disks: number; tasks: number; sessions: number; ownKeys: string[] };
}

/** Writes the raw disk of an image: some data at its start, in its middle and at its end. */
export async function writeSmallDisk(path: string, virtualSize: number): Promise<void> {
  await writeDisk(path, {
    size: virtualSize,
    pieces: [
      { kind: 'noise', offset: 0, length: Math.min(3 * mib, virtualSize) },
      { kind: 'noise', offset: Math.floor(virtualSize / 2), length: Math.min(mib, Math.floor(virtualSize / 2)) },
      { kind: 'text', offset: virtualSize - 512, length: 512 },
    ],
  });
}

export async function deployWorld(options: FakeXapiOptions = {}): Promise<DeployWorld> {
  const scope = new Scope();
  const folder = await mkdtemp(join(tmpdir(), 'deploy-'));
  scope.defer(() => rm(folder, { recursive: true, force: true }));
  const pool = await startXapi(join(folder, 'pool'), options);
  scope.defer(() => pool.close());
  const bus = new EventBus();
  const events: EmittedEvent[] = [];
  bus.listen((event) => events.push(event));
  const targets = new Map<string, ConfiguredTarget>();
  const secrets: Record<string, string> = { 'env:XCP_USER': pool.user, 'env:XCP_PASSWORD': pool.password };
  const services: DeployServices = {
    targets,
    formats: [raw],
    pack: streamXva,
    packDisk: streamVhd,
    credential: async (reference) => secrets[reference] ?? reference.replace(/^env:/, ''),
    stateDir: join(folder, 'state'),
    by: 'anna@builder',
    version: '0.1.0',
    bus,
  };
  const store = openFileStore(`file:${join(folder, 'store')}`);

  const world: DeployWorld = {
    folder,
    pool,
    services,
    events,
    configure(name, settings = {}, other = pool) {
      const complete = xcpNgSettingsSchema.parse({
        kind: 'xcp-ng',
        hosts: [other.hosts[0]?.address ?? ''],
        user: 'env:XCP_USER',
        password: 'env:XCP_PASSWORD',
        fingerprints: other.hosts.map(({ fingerprint }) => fingerprint),
        networks: ['Pool-wide network associated with eth0'],
      });
      targets.set(name, { platform: 'xen', open: (ctx) => xcpNg.open(name, { ...complete, ...settings }, ctx) });
    },
    async build(version, { template = 'debian-12', virtualSize = 8 * mib, platforms } = {}) {
      const output = await writeOutputFolder(join(folder, 'out'), template, version);
      const disk = join(output, 'disk.raw');
      await writeSmallDisk(disk, virtualSize);
      const artifact = {
        name: 'disk.raw',
        format: 'raw',
        mediaType: 'application/octet-stream',
        size: (await stat(disk)).size,
        digest: await digestOfFile(disk),
      };
      await writeOutputFolder(join(folder, 'out'), template, version, (manifest) => ({
        ...manifest,
        platforms: platforms ?? manifest.platforms,
        sizes: { ...manifest.sizes, virtual: virtualSize },
        artifacts: [...manifest.artifacts, artifact],
      }));
      return output;
    },
    publish: async (version, image) => publish(await world.build(version, image), store, { emit: () => undefined }),
    async deploy(image, more = {}) {
      const [result] = await world.deployTo(['lab'], image, more);
      if (!result) throw new Error('no result');
      return result;
    },
    async deployTo(names, image, { signal = new AbortController().signal, ...more } = {}) {
      await using own = new Scope();
      const workdir = await mkdtemp(join(folder, 'work-'));
      const ctx: StepContext = {
        workdir,
        cacheDir: folder,
        offline: false,
        force: false,
        signal,
        scope: own,
        emit: bus.emitter(),
      };
      const request = { image: parseImageReference(image), targets: names, dryRun: false, ...more };
      return deploy(request, { catalog: openCatalog(store), store }, services, ctx);
    },
    left() {
      const vms = pool.db.all('VM').map(({ record }) => record);
      const own = vms.filter((vm) => 'gabarit:template' in (vm['other_config'] as object));
      const names = (isTemplate: boolean): string[] =>
        own
          .filter((vm) => vm['is_a_template'] === isTemplate)
          .map((vm) => vm['name_label'] as string)
          .toSorted();
      const config = pool.db.all('pool')[0]?.record['other_config'] as Record<string, string>;
      return {
        templates: names(true),
        machines: names(false),
        disks: pool.db.all('VDI').length,
        tasks: pool.db.all('task').length,
        sessions: pool.sessions().length,
        ownKeys: Object.keys(config).filter((key) => /^gabarit:(alive|lock)/.test(key)),
      };
    },
    [Symbol.asyncDispose]: () => scope.close(),
  };
  world.configure('lab');
  await writeFile(join(folder, '.keep'), '');
  return world;
}
