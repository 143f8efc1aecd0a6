import { readdir, readFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { type Distro, findRelease } from '../model/distro.ts';
import { parseDocument } from '../model/document.ts';
import type { Engine } from '../model/engine.ts';
import { type Plan, planId, type PlanProvision, planSchema } from '../model/plan.ts';
import type { Arch } from '../model/platform.ts';
import type { StepContext } from '../model/step.ts';
import { type Provision, shippedSteps } from '../model/template.ts';
import { type Digest, digestOf, digestOfFile, digestOfJson } from '../util/digest.ts';
import { AppError } from '../util/errors.ts';
import type { LoadedTemplate } from './load.ts';

export interface PlanServices {
  distros: Distro[];
  engines: Engine[];
  /** The folder of the shipped steps. */
  provisionDir: string;
}

/** Pins everything that a template leaves open: packages by the mirrors, scripts and keys by their content. */
export async function makePlan(
  loaded: LoadedTemplate,
  arch: Arch | undefined,
  services: PlanServices,
  ctx: Pick<StepContext, 'cacheDir' | 'offline' | 'signal' | 'emit'>,
): Promise<Plan> {
  const { template } = loaded;
  const distro = services.distros.find(({ id }) => id === template.distro);
  const release = distro && findRelease(distro, template.release);
  const engine = services.engines.find(({ id }) => id === template.engine.name);
  const chosen = arch ?? template.arches[0];
  if (distro === undefined || release === undefined || engine === undefined || chosen === undefined)
    throw new TypeError('the template was not checked');
  if (!template.arches.includes(chosen))
    throw new AppError('USAGE', `${template.name} is not made for ${chosen}, only for ${template.arches.join(', ')}`);
  const keys = await keysOf(loaded);
  const { lock, medium, guestSources } = await engine.pin({ template, arch: chosen, distro, release, repositoryKeys: keys }, ctx);
  const body: Omit<Plan, 'id'> = {
    schema: 'gabarit.plan/1',
    template,
    definitions: loaded.definitions,
    arch: chosen,
    release: { id: release.id, codename: release.codename, title: release.title },
    lock,
    ...(medium ? { medium } : {}),
    guestSources,
    keys,
    provisioning: await provisioningOf(loaded, services.provisionDir),
    engineRevision: engine.revision,
  };
  const plan = { id: planId(body), ...body };
  const preview = await engine.preview?.(plan);
  return preview ? { ...plan, preview } : plan;
}

async function keysOf(loaded: LoadedTemplate): Promise<Plan['keys']> {
  const entries = loaded.template.repositories.map(async ({ name }, index) => {
    const source = loaded.localFile(['repositories', index, 'key']);
    const key = await readFile(source);
    // apt tells armoured from binary keys by the file's name.
    const armoured = key.subarray(0, 64).toString('latin1').includes('-----BEGIN');
    return [name, { source, digest: digestOf(key), file: `${name}.${armoured ? 'asc' : 'gpg'}` }] as const;
  });
  return Object.fromEntries(await Promise.all(entries));
}

/** The shipped steps in their usual order, with own scripts and files where the template puts them: before the step that follows them, else before `seal`. */
async function provisioningOf(loaded: LoadedTemplate, provisionDir: string): Promise<PlanProvision[]> {
  const entries = loaded.template.provisioning;
  const before = new Map<string, PlanProvision[]>();
  let waiting: PlanProvision[] = [];
  for (const [index, entry] of entries.entries()) {
    if ('step' in entry) {
      before.set(entry.step, [...(before.get(entry.step) ?? []), ...waiting]);
      waiting = [];
    } else waiting.push(await ownItem(loaded, entry, index));
  }
  const last = shippedSteps.at(-1) ?? 'seal';
  before.set(last, [...(before.get(last) ?? []), ...waiting]);
  const items: PlanProvision[] = [];
  for (const name of shippedSteps) {
    items.push(...(before.get(name) ?? []));
    const entry = entries.find((candidate) => 'step' in candidate && candidate.step === name);
    if (entry && 'step' in entry && !entry.enabled) continue;
    const source = join(provisionDir, `${name}.sh`);
    items.push({
      kind: 'step',
      name,
      digest: await stepDigest(source),
      source,
      environment: stepParameters(entry),
      network: false,
    });
  }
  return items;
}

async function ownItem(
  loaded: LoadedTemplate,
  entry: Exclude<Provision, { step: string }>,
  index: number,
): Promise<PlanProvision> {
  if ('script' in entry) {
    const source = loaded.localFile(['provisioning', index, 'script']);
    return {
      kind: 'script',
      name: entry.script,
      digest: await digestOfFile(source),
      source,
      environment: entry.environment,
      network: entry.network,
    };
  }
  const source = loaded.localFile(['provisioning', index, 'file']);
  return {
    kind: 'file',
    name: entry.file,
    digest: await digestOfFile(source),
    source,
    to: entry.to,
    mode: entry.mode,
    owner: entry.owner,
  };
}

/** `with: { datasources: [NoCloud] }` becomes GABARIT_WITH_DATASOURCES=NoCloud. */
function stepParameters(entry: Provision | undefined): Record<string, string> {
  const parameters = entry && 'step' in entry ? entry.with : {};
  return Object.fromEntries(
    Object.entries(parameters).map(([name, value]) => [
      `GABARIT_WITH_${name.replaceAll('-', '_').toUpperCase()}`,
      Array.isArray(value) ? value.join(' ') : String(value),
    ]),
  );
}

/** A shipped step is its script and the files beside it. */
async function stepDigest(source: string): Promise<Digest> {
  const files = join(dirname(source), 'files');
  const names = (await readdir(files).catch(() => [] as string[])).toSorted();
  return digestOfJson([
    digestOf(await readFile(source)),
    ...(await Promise.all(names.map(async (name) => [name, await digestOfFile(join(files, name))]))),
  ]);
}

const howToMakeAPlan = 'Make one with: gabarit plan NAME --json > plan.json';

/**
 * Reads a plan that was made earlier, perhaps on another machine: the shipped steps are this Gabarit's, own files lie beside the
 * definition or at the plan's own places, and everything is proven by its digest.
 */
export async function readPlan(path: string, provisionDir: string): Promise<Plan> {
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new AppError('PLAN_INVALID', `${path} cannot be read`, { cause, hint: howToMakeAPlan });
  });
  const { id, ...plan } = parseDocument(text, planSchema, 'gabarit.plan/1', path, 'PLAN_INVALID');
  if (planId(plan) !== id)
    throw new AppError('DIGEST_MISMATCH', `${path} was changed after it was made: its id is not that of its content`, {
      hint: howToMakeAPlan,
    });
  const provisioning = await Promise.all(
    plan.provisioning.map(async (item) => {
      const source =
        item.kind === 'step'
          ? join(provisionDir, `${item.name}.sh`)
          : await firstReadable([item.source, join(dirname(path), item.name), join(dirname(path), basename(item.source))]);
      const found = item.kind === 'step' ? await stepDigest(source) : await digestOfFile(source);
      if (found !== item.digest)
        throw new AppError('DIGEST_MISMATCH', `${source} is not what the plan was made with (${item.name})`, {
          hint: 'Use the same Gabarit and the same files, or make a new plan.',
        });
      return { ...item, source };
    }),
  );
  return { id, ...plan, provisioning };
}

async function firstReadable(paths: string[]): Promise<string> {
  for (const path of paths) {
    if (
      await readFile(path).then(
        () => true,
        () => false,
      )
    )
      return path;
  }
  throw new AppError('PLAN_INVALID', `The plan needs ${paths[0] ?? ''}, which is not there`, {
    hint: 'Put the file at that path, or beside the plan.',
  });
}
