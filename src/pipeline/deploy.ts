import type { DeployRequestOptions, TargetListing, TargetResult } from '../model/deploy.ts';
import type { StepContext } from '../model/step.ts';
import type { Deployment, DeployOutcome, SweptItem, TargetContext, TargetSession } from '../model/target.ts';
import { AppError, isCancellation } from '../util/errors.ts';
import { Scope } from '../util/scope.ts';
import { type ImageSource, readImage, refusePlatform } from './deploy-image.ts';
import { findRuns } from './deploy-journal.ts';
import { type DeployServices, findTargets, type NamedTarget, openTarget } from './targets.ts';

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

function doneBy({ outcome, deployment, replaced, removed, sent }: DeployOutcome): Omit<TargetResult, 'target' | 'durationMs'> {
  return { outcome, deployment, removed, sent, ...(replaced ? { replaced } : {}) };
}

type Work = (
  target: NamedTarget,
  session: TargetSession,
  swept: SweptItem[],
) => Promise<Omit<TargetResult, 'target' | 'durationMs'>>;

async function onEach(
  targets: NamedTarget[],
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
  target: NamedTarget,
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
    const session = await openTarget(target, services, scope, signal);
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
  target: NamedTarget,
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
