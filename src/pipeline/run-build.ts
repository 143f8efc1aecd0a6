import { copyFile, link, mkdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { BuildResult } from '../model/build.ts';
import type { RootfsCheck, Verdict } from '../model/check.ts';
import type { Built, Engine } from '../model/engine.ts';
import type { Format } from '../model/format.ts';
import type { Manifest } from '../model/manifest.ts';
import type { SbomFacts } from '../model/package-facts.ts';
import type { Plan } from '../model/plan.ts';
import { type FolderSigning, provenanceName } from '../model/signer.ts';
import type { StepContext } from '../model/step.ts';
import { describeVm } from '../model/vm-description.ts';
import { type Digest, digestOfFile, digestOfJson } from '../util/digest.ts';
import { AppError } from '../util/errors.ts';
import { syncFolder, writeJson } from '../util/files.ts';
import { lockFile } from '../util/lock-file.ts';
import { checkReportFiles } from './check-report.ts';
import { formatOf } from './detect-format.ts';
import { runStep } from './ledger.ts';
import { findImageOf, nextVersion } from './output-folder.ts';
import { checkOfflineStep, type OfflineChecked, type OpenSubject } from './steps/check-offline.ts';
import { type Converted, convertAll } from './steps/convert.ts';
import { provenanceOf } from './provenance.ts';
import { inventoryStep, type Stock, type TakeStock } from './steps/take-inventory.ts';

export interface BuildServices {
  engines: Engine[];
  formats: Format[];
  checks: RootfsCheck[];
  openSubject: OpenSubject;
  takeStock: TakeStock;
  sbomOf: (facts: SbomFacts) => object;
  signing: FolderSigning;
  /** Of Gabarit. */
  version: string;
}

export interface BuildOptions {
  outputDir: string;
  /** Formats instead of the template's. */
  formats?: string[] | undefined;
  /** The version follows this one, too: of an image that was published from elsewhere. */
  newerThan?: string | undefined;
  /** Decides on the version, which is at least the one suggested. */
  claimVersion?: ((template: string, suggested: string) => Promise<string>) | undefined;
}

/** Carries out one plan: disk, artifacts, checks, manifest. Nothing appears in the output folder before all of it is there. */
export async function runBuild(
  plan: Plan,
  options: BuildOptions,
  services: BuildServices,
  ctx: StepContext,
): Promise<Omit<BuildResult, 'durationMs'>> {
  const { template } = plan;
  const formats = options.formats ?? template.formats;
  const templateDir = join(options.outputDir, template.name);
  await mkdir(templateDir, { recursive: true });
  const lock = await lockFile(join(templateDir, '.lock'), {
    signal: ctx.signal,
    onWait: () => ctx.emit({ type: 'log', level: 'info', message: `Waiting for another build of ${template.name}` }),
  });
  try {
    const existing = ctx.force || ctx.redo ? undefined : await findImageOf(templateDir, plan.id, formats);
    if (existing) return unchanged(template.name, join(templateDir, existing.version), existing.version, existing.manifest);
    const suggested = await nextVersion(templateDir, new Date(), options.newerThan);
    const version = (await options.claimVersion?.(template.name, suggested)) ?? suggested;
    ctx.emit({ type: 'run.started', plan: plan.id, version });

    const engine = services.engines.find(({ id }) => id === template.engine.name);
    if (engine === undefined) throw new TypeError(`no engine ${template.engine.name}`);
    const seconds: [string, number][] = [];
    const started = performance.now();
    const built = await engine.build(plan, ctx);
    seconds.push(...Object.entries(built.timings));
    if (seconds.length === 0) seconds.push(['build', (performance.now() - started) / 1000]);
    const vm = describeVm(plan, built, version);
    const chosen = formats.map((id) => formatOf(services.formats, id));
    const { artifacts, seconds: writing } = await convertAll(chosen, built, vm, plan.id, ctx);
    seconds.push(...writing);
    const { output: checked, durationMs } = await check(plan, artifacts, services, ctx);
    seconds.push(['check', durationMs / 1000]);
    const stock = await inventory(artifacts, services, ctx);
    seconds.push(['inventory', stock.durationMs / 1000]);

    // We hold the template's lock: what lies here is from a build that was killed.
    const part = join(templateDir, '.part');
    await rm(part, { recursive: true, force: true });
    const manifest = await writeOutput(part, {
      plan,
      version,
      built,
      artifacts,
      checked,
      stock: stock.output,
      sbomOf: services.sbomOf,
      seconds,
      gabarit: services.version,
      signing: services.signing,
    }).catch(async (error: unknown) => {
      await rm(part, { recursive: true, force: true });
      throw error;
    });
    const failed = checked.verdicts.filter(({ status }) => status === 'fail');
    // Whatever is signed has passed its checks.
    const { signedBy } = failed.length > 0 ? {} : await services.signing.seal(part);
    const output = join(templateDir, failed.length > 0 ? `${version}.failed` : version);
    await rm(output, { recursive: true, force: true });
    await rename(part, output);
    await syncFolder(templateDir);
    if (failed.length > 0) throw checksFailed(template.name, failed, output);
    return {
      template: template.name,
      outcome: 'done',
      version,
      output,
      seconds,
      artifacts: manifest.artifacts.map(({ name, size }) => ({ name, size })),
      ...(signedBy ? { signedBy: signedBy.id } : {}),
    };
  } finally {
    await lock?.release();
  }
}

function unchanged(template: string, output: string, version: string, manifest: Manifest): Omit<BuildResult, 'durationMs'> {
  return {
    template,
    outcome: 'unchanged',
    version,
    output,
    seconds: [],
    artifacts: manifest.artifacts.map(({ name, size }) => ({ name, size })),
  };
}

async function check(
  plan: Plan,
  artifacts: Converted[],
  services: BuildServices,
  ctx: StepContext,
): Promise<{ output: OfflineChecked; durationMs: number }> {
  const first = artifacts[0];
  if (first === undefined) throw new TypeError('no artifact');
  const step = checkOfflineStep(
    services.checks,
    formatOf(services.formats, first.format),
    plan,
    artifacts,
    services.openSubject,
    { quick: true },
  );
  return await runStep(step, { artifact: first.digest, checks: services.checks.map(({ id }) => id), plan: plan.id }, ctx);
}

async function inventory(
  artifacts: Converted[],
  services: BuildServices,
  ctx: StepContext,
): Promise<{ output: Stock; durationMs: number }> {
  const first = artifacts[0];
  if (first === undefined) throw new TypeError('no artifact');
  const step = inventoryStep(services.takeStock, formatOf(services.formats, first.format), first, services.openSubject);
  return await runStep(step, { artifact: first.digest }, ctx);
}

/** The error for an image that some check refuses. */
export function checksFailed(name: string, failed: Verdict[], output: string): AppError {
  return new AppError('CHECK_FAILED', `${name} does not pass ${failed.length === 1 ? 'a check' : `${failed.length} checks`}`, {
    faults: failed.map(({ check: id, message }) => ({ message: `${id}: ${message}` })),
    hint: `The image and its report were kept in ${output}. Correct the template, or skip a check with a reason (checks.skip).`,
  });
}

interface Output {
  plan: Plan;
  version: string;
  built: Built;
  artifacts: Converted[];
  checked: OfflineChecked;
  stock: Stock;
  sbomOf: BuildServices['sbomOf'];
  seconds: [string, number][];
  gabarit: string;
  signing: FolderSigning;
}

const sbomName = 'sbom.cdx.json';

function sbomFacts({ plan, version, built, artifacts, checked, stock, gabarit }: Output): SbomFacts {
  const { sourceDateEpoch } = built;
  return { plan, version, packages: stock.packages, os: checked.os, artifacts, gabarit, sourceDateEpoch };
}

/** Fills the output folder: artifacts, evidence, and last the manifest that names them all. */
async function writeOutput(folder: string, output: Output): Promise<Manifest> {
  const { plan, version, built, artifacts, checked } = output;
  await mkdir(folder, { recursive: true });
  for (const { path, name } of artifacts) {
    // A second name for the cache's file costs nothing; on another file system it must be copied.
    await link(path, join(folder, name)).catch(() => copyFile(path, join(folder, name)));
  }
  await writeFile(join(folder, 'plan.json'), `${JSON.stringify(plan, null, 2)}\n`);
  await writeFile(join(folder, 'packages.lock.json'), `${JSON.stringify(plan.lock, null, 2)}\n`);
  await writeFile(join(folder, 'inventory.json'), `${JSON.stringify(output.stock.inventory, null, 1)}\n`);
  await writeJson(join(folder, sbomName), output.sbomOf(sbomFacts(output)));
  for (const { name, content } of checkReportFiles(plan.template.name, version, checked.verdicts))
    await writeFile(join(folder, name), content);
  const evidence = [
    await evidenceFile(folder, 'plan.json', 'plan'),
    await evidenceFile(folder, 'packages.lock.json', 'packages-lock'),
    await evidenceFile(folder, 'inventory.json', 'inventory'),
    await evidenceFile(folder, sbomName, 'sbom'),
    await evidenceFile(folder, 'checks.json', 'check-report'),
    await evidenceFile(folder, 'checks.junit.xml', 'check-report-junit'),
  ];
  const { gabarit, signing } = output;
  const hasPassed = !checked.verdicts.some(({ status }) => status === 'fail');
  const statement = provenanceOf({ plan, version, artifacts, gabarit, finished: new Date() });
  if (hasPassed && (await signing.attest(folder, provenanceName, statement)))
    evidence.push(await evidenceFile(folder, provenanceName, 'provenance'));
  const count = (status: Verdict['status']): number => checked.verdicts.filter((verdict) => verdict.status === status).length;
  const manifest: Manifest = {
    schema: 'gabarit.manifest/1',
    template: plan.template.name,
    version,
    description: plan.template.description,
    created: new Date().toISOString(),
    definitions: plan.definitions,
    os: { distro: plan.template.distro, release: plan.release.id, codename: plan.release.codename, ...checked.os },
    arch: plan.arch,
    platforms: plan.template.platforms,
    firmware: plan.template.disk.firmware,
    plan: plan.id,
    sourceDateEpoch: built.sourceDateEpoch,
    sizes: { virtual: built.virtualSize, root: checked.rootBytes },
    packages: { count: plan.lock.packages.filter(({ role }) => role === 'image').length, lock: digestOfJson(plan.lock.packages) },
    artifacts: artifacts.map(({ format, name, mediaType, size, digest }) => ({ format, name, mediaType, size, digest })),
    evidence,
    checks: { pass: count('pass'), fail: count('fail'), warn: count('warn'), skip: count('skip'), booted: false },
    build: {
      gabarit: output.gabarit,
      seconds: Object.fromEntries(output.seconds.map(([name, value]) => [name, Math.round(value * 100) / 100])),
      tools: { ...built.tools, node: process.version },
    },
  };
  await writeJson(join(folder, 'manifest.json'), manifest);
  return manifest;
}

export async function evidenceFile(folder: string, name: string, kind: string): Promise<Manifest['evidence'][number]> {
  const path = join(folder, name);
  const digest: Digest = await digestOfFile(path);
  return { name, kind, size: (await stat(path)).size, digest };
}
