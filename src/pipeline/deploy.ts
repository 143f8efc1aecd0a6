import { join } from 'node:path';
import type { DeployRequestOptions, TargetListing, TargetResult } from '../model/deploy.ts';
import type { Format } from '../model/format.ts';
import type { StepContext } from '../model/step.ts';
import type { Deployment, DeployOutcome, SweptItem, Target, TargetContext, TargetSession } from '../model/target.ts';
import type { PackDisk, PackVm } from '../model/vm-stream.ts';
import { AppError, isCancellation } from '../util/errors.ts';
import type { EventBus } from '../util/events.ts';
import { Scope } from '../util/scope.ts';
import { didYouMean } from '../util/suggest.ts';
import { type ImageSource, readImage, refusePlatform } from './deploy-image.ts';
import { findRuns, openJournal } from './deploy-journal.ts';
import { seenCertificates } from './seen-certificates.ts';

/** A target of the configuration: its kind, ready to be opened. */
export interface ConfiguredTarget {
  platform: Target<never>['platform'];
  open(ctx: TargetContext): Promise<TargetSession>;
}

export interface DeployServices {
  /** By the name in the configuration. */
  targets: ReadonlyMap<string, ConfiguredTarget>;
  formats: readonly Format[];
  pack: PackVm;
  packDisk: PackDisk;
  credential(reference: string): Promise<string>;
  stateDir: string;
  /** Who deploys: `anna@builder`. */
  by: string;
  /** Of Gabarit. */
  version: string;
  bus: EventBus;
}

/** Deploys an image to several targets side by side. One that fails does not stop the others. Results are in the order of the request. */
export async function deploy(
  request: DeployRequestOptions,
  source: ImageSource,
  services: DeployServices,
  ctx: StepContext,
): Promise<TargetResult[]> {
  const { dryRun, bytesPerSecond, test } = request;
  const targets = findTargets(request.targets, services);
  const { request: image, platforms } = await readImage(request.image, source, services.formats, ctx);
  const name = `${image.image.template} ${image.image.version}`;
  return onEach(targets, services, ctx.signal, async (target, session) => {
    refusePlatform(name, platforms, target.platform, target.name);
    const wanted = { ...image, bytesPerSecond, test };
    if (!dryRun) return doneBy(await session.deploy(wanted));
    const plan = await session.preflight(wanted);
    return { outcome: 'planned', plan };
  });
}

/** Makes an older deployment current again, on several targets. */
export async function rollBack(
  request: { template: string; version?: string; targets: string[] },
  services: DeployServices,
  signal: AbortSignal,
): Promise<TargetResult[]> {
  const { template, version } = request;
  return onEach(findTargets(request.targets, services), services, signal, async (_, session) =>
    doneBy(await session.rollback(template, version)),
  );
}

export async function removeDeployments(
  request: { template: string; version?: string; targets: string[]; force: boolean },
  services: DeployServices,
  signal: AbortSignal,
): Promise<TargetResult[]> {
  const { template, version, force } = request;
  return onEach(findTargets(request.targets, services), services, signal, async (_, session) => {
    return { outcome: 'removed', removed: await session.remove(template, version, { force }) };
  });
}

/** Removes what killed runs left; all targets of the configuration, unless some are named. */
export async function sweepTargets(names: string[], services: DeployServices, signal: AbortSignal): Promise<TargetResult[]> {
  const targets = findTargets(names.length > 0 ? names : [...services.targets.keys()], services);
  return onEach(targets, services, signal, async (_, __, swept) => ({ outcome: 'swept', swept }));
}

/** What lies on targets; changes nothing there. All targets of the configuration, unless some are named. */
export async function listTargets(names: string[], services: DeployServices, signal: AbortSignal): Promise<TargetListing[]> {
  const targets = findTargets(names.length > 0 ? names : [...services.targets.keys()], services);
  const listings = new Map<string, Deployment[]>();
  const results = await onEach(
    targets,
    services,
    signal,
    async ({ name }, session) => {
      listings.set(name, await session.list());
      return { outcome: 'unchanged' };
    },
    { sweep: false },
  );
  return results.map(({ target, error }) => ({ target, deployments: listings.get(target) ?? [], ...(error ? { error } : {}) }));
}

type Named = ConfiguredTarget & { name: string };

/** @throws AppError USAGE, naming what there is */
function findTargets(names: readonly string[], { targets }: DeployServices): Named[] {
  if (targets.size === 0) {
    throw new AppError('USAGE', 'No targets are configured', {
      hint: 'Write "targets:" into gabarit.yaml: docs/xcp-ng.md shows how.',
    });
  }
  return [...new Set(names)].map((name) => {
    const target = targets.get(name);
    if (target) return { ...target, name };
    throw new AppError('USAGE', `No target "${name}" is configured${didYouMean(name, targets.keys())}`, {
      hint: `Targets of the configuration: ${[...targets.keys()].join(', ')}.`,
    });
  });
}

function doneBy({ outcome, deployment, replaced, removed, sent }: DeployOutcome): Omit<TargetResult, 'target' | 'durationMs'> {
  return { outcome, deployment, removed, sent, ...(replaced ? { replaced } : {}) };
}

type Work = (target: Named, session: TargetSession, swept: SweptItem[]) => Promise<Omit<TargetResult, 'target' | 'durationMs'>>;

async function onEach(
  targets: Named[],
  services: DeployServices,
  signal: AbortSignal,
  work: Work,
  options = { sweep: true },
): Promise<TargetResult[]> {
  const settled = await Promise.allSettled(targets.map((target) => onOne(target, services, signal, work, options.sweep)));
  return settled.map((outcome) => {
    // What is no AppError is a bug: it must be seen as it was, when the others are done.
    if (outcome.status === 'rejected') throw outcome.reason;
    return outcome.value;
  });
}

async function onOne(
  target: Named,
  services: DeployServices,
  signal: AbortSignal,
  work: Work,
  sweepFirst: boolean,
): Promise<TargetResult> {
  const started = performance.now();
  const emit = services.bus.emitter(target.name);
  let result: Omit<TargetResult, 'target' | 'durationMs'>;
  try {
    await using scope = new Scope();
    const journal = await openJournal(services.stateDir, target.name, scope);
    const session = await target.open({
      journal,
      credential: (reference) => services.credential(reference),
      certificates: seenCertificates(services.stateDir, emit),
      pack: services.pack,
      packDisk: services.packDisk,
      failureDir: join(services.stateDir, 'failures'),
      by: services.by,
      version: services.version,
      emit,
      signal,
    });
    scope.defer(() => session.close());
    const swept = sweepFirst ? await sweep(target, session, services, emit) : [];
    result = await work(target, session, swept);
  } catch (error) {
    if (isCancellation(error) || signal.aborted) {
      result = {
        outcome: 'cancelled',
        error: error instanceof AppError ? error : new AppError('CANCELLED', `Cancelled: ${target.name}`, { cause: error }),
      };
    } else if (error instanceof AppError) result = { outcome: 'failed', error };
    else throw error;
  }
  const durationMs = performance.now() - started;
  emit({
    type: 'run.finished',
    outcome:
      result.outcome === 'failed' || result.outcome === 'cancelled' || result.outcome === 'unchanged' ? result.outcome : 'done',
    durationMs,
    ...(result.error ? { error: result.error.message } : {}),
  });
  return { target: target.name, ...result, durationMs };
}

/** Removes what killed runs left there before something new is made. */
async function sweep(
  target: Named,
  session: TargetSession,
  { stateDir }: DeployServices,
  emit: TargetContext['emit'],
): Promise<SweptItem[]> {
  await using runs = await findRuns(stateDir, target.name);
  const swept = await session.sweep(runs);
  await runs.forgetDead();
  for (const { kind, name, run } of swept)
    emit({ type: 'log', level: 'info', message: `Removed what run ${run} left: ${kind} ${name}` });
  return swept;
}
