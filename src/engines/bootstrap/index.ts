import { z } from 'zod';
import type { Built, Engine, Refusal, RefusalRequest } from '../../model/engine.ts';
import type { Distro } from '../../model/distro.ts';
import type { Plan } from '../../model/plan.ts';
import { platforms } from '../../model/platform.ts';
import type { StepContext } from '../../model/step.ts';
import { digestOfJson } from '../../util/digest.ts';
import type { BaseLayer, BaseRecipe } from './base.ts';
import { completeDisk } from './complete-disk.ts';
import { timed } from '../shared/timed.ts';
import { kernelArguments, stepEnvironment } from '../shared/step-environment.ts';
import { diskIdentity } from './disk-layout.ts';
import { fetchPackages } from './fetch.ts';
import { ensureLayer } from '../shared/layers.ts';
import { removeTrees } from './layers.ts';
import type { Mirrors } from './mirrors.ts';
import { runInNamespace } from './namespace.ts';
import { pinPackages } from './pin.ts';
import type { Provisioned, ProvisionRequest } from './provision.ts';

const inside = new URL('./inside.ts', import.meta.url);

const engineRevision = 'bootstrap-8';

export const bootstrapOptions = z.strictObject({
  unpack: z
    .enum(['fast', 'dpkg'])
    .default('fast')
    .describe('fast: all packages side by side; dpkg: by dpkg itself, one after the other'),
});

export interface BootstrapConfig {
  distros: Distro[];
  /** Where to fetch packages from, and what an image's own sources name; each overrides what is found on the host. */
  mirrors: Mirrors;
  guestMirrors: Mirrors;
}

/** Makes a disk directly from signed packages: no virtual machine, no installer, no console, no root. */
export function bootstrapEngine(config: BootstrapConfig): Engine {
  return {
    id: 'bootstrap',
    revision: engineRevision,
    options: bootstrapOptions,
    requires: [],
    locksPackages: true,
    refuse,
    pin: (request, ctx) => pinPackages(request, config, ctx),
    build: (plan, ctx) => build(plan, config.distros, ctx),
  };
}

function refuse({ distro }: RefusalRequest): Refusal[] {
  if (distro.bootstrap) return [];
  return [
    {
      path: ['engine', 'name'],
      message: `${distro.title} cannot be made from its packages alone`,
      hint: 'Use the engine cloud-image, installer or packer.',
    },
  ];
}

async function build(plan: Plan, distros: Distro[], ctx: StepContext): Promise<Built> {
  const { template } = plan;
  const distro = distros.find(({ id }) => id === template.distro);
  const release = distro?.releases.find(({ id }) => id === plan.release.id);
  if (distro?.bootstrap === undefined || release === undefined) throw new Error(`unknown release ${plan.release.id}`);
  const facts = distro.bootstrap(release, {
    arch: plan.arch,
    kernel: template.kernel,
    set: template.packages.set,
    platforms: template.platforms,
    firmware: template.disk.firmware,
  });
  const requested = new Set([...facts.packages, ...template.packages.add]);
  const recipe: BaseRecipe = {
    packages: plan.lock.packages.map(({ name, sha256, role }) => ({ name, sha256, role, requested: requested.has(name) })),
    architecture: plan.arch,
    pathExcludes: facts.pathExcludes,
    unpack: bootstrapOptions.parse(template.engine.options).unpack,
    modules: initramfsModules(template.platforms),
    diskSize: template.disk.size,
    firmware: template.disk.firmware,
    checksums: facts.checksumSeed,
  };
  const recipeDigest = digestOfJson({ engineRevision, recipe });
  const base = await timed('base', 'Base system', ctx, () =>
    ensureLayer<BaseLayer>('base', recipeDigest, (folder) => makeBase(plan, recipe, recipeDigest, folder, ctx), ctx, removeTrees),
  );
  const disk = await timed('provision', 'Provisioning', ctx, () =>
    ensureLayer<Provisioned>('disk', plan.id, (folder) => makeDisk(plan, base, folder, ctx), ctx, removeTrees),
  );
  const { changes } = disk.facts;
  return {
    disk: `${disk.folder}/disk.raw`,
    virtualSize: template.disk.size,
    base: { disk: `${base.folder}/disk.raw`, folder: base.folder, ...(changes && { changes }) },
    ...(changes && { complete: (signal) => completeDisk(disk.folder, `${base.folder}/disk.raw`, changes, signal) }),
    sourceDateEpoch: base.facts.sourceDateEpoch,
    timings: {
      ...(base.reused ? {} : prefixed('base', base.facts.timings)),
      ...(disk.reused ? {} : prefixed('provision', disk.facts.timings)),
    },
    tools: base.facts.tools,
  };
}

/** Drivers for the root disk and its file system, on every platform of the template. */
export function initramfsModules(ids: Plan['template']['platforms']): string[] {
  const always = ['ext4', 'crc32c_generic', 'isofs', 'vfat', 'nls_ascii', 'nls_cp437'];
  return [...new Set([...always, ...ids.flatMap((id) => platforms[id].initramfsModules)])].toSorted();
}

function prefixed(name: string, timings: Record<string, number>): Record<string, number> {
  return Object.fromEntries(Object.entries(timings).map(([key, value]) => [`${name}: ${key}`, value]));
}

/** Downloads outside of the namespace, which has no network; each package is unpacked inside it as soon as it is proven. */
async function makeBase(
  plan: Plan,
  recipe: BaseRecipe,
  recipeDigest: string,
  folder: string,
  ctx: StepContext,
): Promise<BaseLayer> {
  const work = runInNamespace<BaseLayer>(
    inside,
    { op: 'base', recipe, seed: recipeDigest, packageDir: `${ctx.cacheDir}/packages`, layerDir: folder, workdir: ctx.workdir },
    { network: false },
    ctx,
  );
  // Neither goes on when the other has failed.
  const stop = new AbortController();
  work.result.catch(() => stop.abort());
  const fetching = fetchPackages(
    plan.lock.packages,
    plan.lock.repositories,
    {
      cacheDir: ctx.cacheDir,
      workdir: ctx.workdir,
      offline: ctx.offline,
      signal: AbortSignal.any([ctx.signal, stop.signal]),
      onProgress: (done, total) =>
        ctx.emit({ type: 'step.progress', step: 'base', done, total, unit: 'bytes', note: 'fetching packages' }),
    },
    (item) => work.send({ ready: item.sha256 }),
  );
  const failure = await fetching.then(
    () => undefined,
    (error: unknown) => ({ error }),
  );
  if (failure !== undefined && !stop.signal.aborted) {
    work.cancel();
    await work.result.catch(() => undefined); // It only says that it was stopped.
    throw failure.error;
  }
  return await work.result;
}

async function makeDisk(
  plan: Plan,
  base: { folder: string; facts: BaseLayer },
  folder: string,
  ctx: StepContext,
): Promise<Provisioned> {
  const { template } = plan;
  const request: ProvisionRequest = {
    op: 'provision',
    baseDir: base.folder,
    boot: base.facts.boot,
    sourceDateEpoch: base.facts.sourceDateEpoch,
    diskSize: template.disk.size,
    identity: diskIdentity(plan.id),
    title: plan.release.title.replaceAll('"', ''),
    kernelArguments: kernelArguments(plan),
    keys: Object.values(plan.keys).map(({ file, source }) => ({ name: file, source })),
    items: plan.provisioning,
    environment: stepEnvironment(plan),
    workdir: ctx.workdir,
    disk: `${folder}/disk.raw`,
  };
  return await runInNamespace<Provisioned>(
    inside,
    request,
    { network: plan.provisioning.some((item) => item.kind !== 'file' && item.network) },
    ctx,
  ).result;
}
