import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { AnyCheck, Verdict } from '../model/check.ts';
import type { BootedMachine, MachineHost } from '../model/machine.ts';
import type { Manifest } from '../model/manifest.ts';
import { planSchema } from '../model/plan.ts';
import type { FolderSigning } from '../model/signer.ts';
import type { StepContext } from '../model/step.ts';
import { digestOfFile } from '../util/digest.ts';
import { AppError } from '../util/errors.ts';
import { writeJson } from '../util/files.ts';
import { checkReportFiles } from './check-report.ts';
import { runStep } from './ledger.ts';
import { readManifest } from './output-folder.ts';
import { formatOf } from './detect-format.ts';
import { type BuildServices, evidenceFile } from './run-build.ts';
import { bootImage, type BootReport } from './steps/boot-image.ts';
import { copyDisk } from './steps/copy-disk.ts';
import { checkOfflineStep } from './steps/check-offline.ts';
import type { Converted } from './steps/convert.ts';

export interface VerifyServices extends BuildServices {
  machineHost: MachineHost;
  bootChecks: AnyCheck[];
}

/**
 * Proves the image in an output folder on the very bytes that would be published: their digests, everything that can be read
 * offline, and (with `boot`) throwaway machines. The report in the folder, and the manifest's account of it, are renewed.
 * @throws AppError NOT_FOUND, IMAGE_INVALID, DIGEST_MISMATCH, SIGNATURE_INVALID
 */
export async function verifyImage(
  folder: string,
  options: { boot: boolean },
  services: VerifyServices,
  ctx: StepContext,
): Promise<Verdict[]> {
  const manifest = await readManifest(folder);
  await services.signing.check(folder);
  const plan = planSchema.parse(JSON.parse(await readFile(join(folder, 'plan.json'), 'utf8')));
  const artifacts: Converted[] = await Promise.all(
    manifest.artifacts.map(async (artifact) => {
      const path = join(folder, artifact.name);
      const digest = await digestOfFile(path, ctx.signal);
      if (digest !== artifact.digest) {
        throw new AppError('DIGEST_MISMATCH', `${path} is not the file that its manifest names`, {
          hint: 'It was changed or damaged after the build. Build it again.',
        });
      }
      return { ...artifact, digest, path };
    }),
  );
  const first = artifacts[0];
  if (first === undefined) throw new AppError('IMAGE_INVALID', `${folder} has no artifact`);
  const format = formatOf(services.formats, first.format);
  const { output: offline } = await runStep(
    checkOfflineStep(services.checks, format, plan, artifacts, services.openSubject, { quick: false }),
    { artifact: first.digest, checks: services.checks.map(({ id }) => id), plan: plan.id },
    { ...ctx, force: true },
  );
  const verdicts = [...offline.verdicts];
  const machines: BootedMachine[] = [];
  if (options.boot) {
    const started = performance.now();
    ctx.emit({ type: 'step.started', step: 'boot', title: 'Booting machines' });
    const proof = await services.machineHost.prove(ctx);
    ctx.emit({ type: 'log', level: 'info', message: `Machines run by ${proof.reason}` });
    const report = await bootImage(
      {
        ...(await bootableDisk(artifacts, services, ctx)),
        plan,
        failureDir: join(folder, 'failures'),
        proof,
        host: services.machineHost,
        checks: services.bootChecks,
      },
      ctx,
    );
    verdicts.push(...report.verdicts);
    machines.push(...report.machines);
    ctx.emit({
      type: 'step.finished',
      step: 'boot',
      durationMs: performance.now() - started,
      reused: false,
      note: proof.accelerator,
    });
  }
  if (await renewReport(folder, manifest, { verdicts, machines }, options.boot)) await sealAgain(folder, services.signing, ctx);
  return verdicts;
}

/** The manifest tells of other checks than before: what was signed is no longer what is there. */
async function sealAgain(folder: string, signing: FolderSigning, ctx: StepContext): Promise<void> {
  const { removed } = await signing.seal(folder);
  if (removed === 0) return;
  ctx.emit({
    type: 'log',
    level: 'warn',
    message: `The manifest tells of these checks now, and this machine has no key to sign it with: its signatures were removed (gabarit key new, then gabarit sign ${folder})`,
  });
}

/** The disk as machines here start from it: an artifact that is one already, or the first, unpacked. */
async function bootableDisk(
  artifacts: Converted[],
  { formats }: VerifyServices,
  ctx: StepContext,
): Promise<{ artifact: string; format: 'qcow2' | 'raw' }> {
  for (const { format, path } of artifacts) if (format === 'qcow2' || format === 'raw') return { artifact: path, format };
  const [first] = artifacts;
  if (!first) throw new TypeError('no artifact');
  const artifact = join(ctx.workdir, 'boot.raw');
  const source = await formatOf(formats, first.format).open(first.path, { spoolDir: ctx.workdir });
  try {
    await copyDisk(source, artifact, 'boot', ctx);
  } finally {
    await source.close();
  }
  return { artifact, format: 'raw' };
}

/** Whether the manifest was written again. */
async function renewReport(
  folder: string,
  manifest: Manifest,
  { verdicts, machines }: BootReport,
  booted: boolean,
): Promise<boolean> {
  // What was proven by booting stays proven when only the offline checks are run again.
  if (!booted && manifest.checks.booted) return false;
  for (const { name, content } of checkReportFiles(manifest.template, manifest.version, verdicts, machines))
    await writeFile(join(folder, name), content);
  const evidence = await Promise.all(manifest.evidence.map(({ name, kind }) => evidenceFile(folder, name, kind)));
  const count = (status: Verdict['status']): number => verdicts.filter((verdict) => verdict.status === status).length;
  const checks = { pass: count('pass'), fail: count('fail'), warn: count('warn'), skip: count('skip'), booted };
  await writeJson(join(folder, 'manifest.json'), { ...manifest, evidence, checks });
  return true;
}
