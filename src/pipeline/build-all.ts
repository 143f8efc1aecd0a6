import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import type { BuildRequest, BuildResult } from '../model/build.ts';
import type { Plan } from '../model/plan.ts';
import type { StepContext } from '../model/step.ts';
import { AppError, toAppError } from '../util/errors.ts';
import { lockFile } from '../util/lock-file.ts';
import { Scope } from '../util/scope.ts';
import { trimCache } from './cache.ts';
import { checkReproducible } from './check-reproducible.ts';
import { loadTemplate } from './load.ts';
import { makePlan, readPlan } from './make-plan.ts';
import { checksFailed, runBuild } from './run-build.ts';
import { openRun, sweepRuns } from './runs.ts';
import { housekeepingContext, type Services } from './services.ts';
import { verifyImage } from './verify-image.ts';

/** Builds several templates, some at the same time. One that fails does not stop the others. Results are in the order of the request. */
export async function buildAll(request: BuildRequest, services: Services, signal: AbortSignal): Promise<BuildResult[]> {
  const names = request.planFile === undefined ? [...new Set(request.templates)] : [request.planFile];
  if (names.length === 0)
    throw new AppError('USAGE', 'There is nothing to build', {
      hint: 'Name a template: gabarit build debian-12. "gabarit templates" lists them.',
    });
  // Machines, images and folders are called by it.
  const twice = names.find((name, index) => names.slice(0, index).some((other) => shortName(other) === shortName(name)));
  if (twice !== undefined) {
    const same = names.filter((name) => shortName(name) === shortName(twice));
    throw new AppError('USAGE', `${same.length} definitions have the name ${shortName(twice)}: ${same.join(', ')}`, {
      hint: 'Give each a name of its own; their machines and images would be the same one.',
    });
  }
  // Whoever prunes the cache waits until no build uses it.
  await using use = await lockFile(join(services.cacheDir, 'use.lock'), { shared: true, signal });
  await sweep(services, signal);
  const results: BuildResult[] = [];
  const queue = [...names.entries()];
  const worker = async (): Promise<void> => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      const [index, name] = next;
      results[index] = await buildOne(name, request, services, signal);
    }
  };
  await Promise.all(
    Array.from({ length: Math.min(Math.max(1, request.jobs), names.length, availableParallelism() * 4) }, worker),
  );
  await use?.release();
  await trimCache(services, signal);
  return results;
}

async function buildOne(name: string, request: BuildRequest, services: Services, signal: AbortSignal): Promise<BuildResult> {
  const started = performance.now();
  const label = shortName(request.planFile === undefined ? name : (request.templates[0] ?? 'plan'));
  const emit = services.bus.emitter(label);
  const scope = new Scope();
  let result: BuildResult;
  try {
    const { workdir } = await openRun(services.cacheDir, label, scope);
    const ctx: StepContext = {
      workdir,
      cacheDir: services.cacheDir,
      offline: request.offline,
      force: request.force,
      redo: request.hooks?.redoFrom === undefined ? undefined : { from: request.hooks.redoFrom, begun: false },
      keepOnError: request.keepOnError,
      signal,
      scope,
      emit,
    };
    // The work folder may hold files of other users of the engine's namespace.
    scope.defer(() => services.removeTrees([workdir], { ...ctx, signal: new AbortController().signal }));
    const plan = await planStep(name, request, services, ctx);
    const earlier = await request.hooks?.planned?.(plan);
    const done = earlier
      ? unchangedSince(label, earlier)
      : request.checkReproducible
        ? await checkReproducible(plan, services, ctx)
        : await runBuild(
            plan,
            {
              outputDir: request.outputDir,
              formats: request.formats,
              newerThan: request.newerThan,
              claimVersion: request.hooks?.version,
            },
            services,
            ctx,
          );
    if (request.verify && !earlier && done.output !== undefined) await verifyBuilt(done.output, services, ctx);
    result = { ...done, durationMs: performance.now() - started };
  } catch (error) {
    const failure = toAppError(error, 'BUILD_FAILED', `${label} could not be built`);
    // What is not an AppError is a bug: the caller must see it as it was.
    if (!(error instanceof AppError) && failure.code === 'BUILD_FAILED') throw error;
    result = {
      template: label,
      outcome: signal.aborted ? 'cancelled' : 'failed',
      error: failure,
      durationMs: performance.now() - started,
      seconds: [],
      artifacts: [],
    };
  } finally {
    await scope.close();
  }
  emit({
    type: 'run.finished',
    outcome: result.outcome,
    durationMs: result.durationMs,
    ...(result.output ? { output: result.output } : {}),
    ...(result.error ? { error: result.error.message } : {}),
  });
  return result;
}

async function verifyBuilt(output: string, services: Services, ctx: StepContext): Promise<void> {
  const failed = (await verifyImage(output, { boot: true }, services, ctx)).filter(({ status }) => status === 'fail');
  if (failed.length > 0) throw checksFailed(output, failed, output);
}

async function planStep(name: string, request: BuildRequest, services: Services, ctx: StepContext): Promise<Plan> {
  const started = performance.now();
  ctx.emit({ type: 'step.started', step: 'plan', title: 'Planning' });
  try {
    const plan =
      request.planFile === undefined
        ? await planOf(name, request, services, ctx)
        : await readPlan(request.planFile, services.provisionDir);
    const count = plan.lock.packages.length;
    ctx.emit({
      type: 'step.finished',
      step: 'plan',
      durationMs: performance.now() - started,
      reused: false,
      note: `${count} packages`,
    });
    return plan;
  } catch (error) {
    ctx.emit({
      type: 'step.failed',
      step: 'plan',
      durationMs: performance.now() - started,
      message: error instanceof Error ? error.message : String(error),
    });
    throw error;
  }
}

async function planOf(name: string, request: BuildRequest, services: Services, ctx: StepContext): Promise<Plan> {
  const { allowEndOfLife } = request;
  const loaded = await loadTemplate(name, { ...services.load, engines: services.engines, allowEndOfLife, signal: ctx.signal });
  for (const { message, file, line, column } of loaded.warnings) {
    ctx.emit({
      type: 'log',
      level: 'warn',
      message: `${[file, line, column].filter((part) => part !== undefined).join(':')}: ${message}`,
    });
  }
  return makePlan(loaded, undefined, services, ctx);
}

function unchangedSince(
  template: string,
  { version, output }: { version?: string | undefined; output?: string | undefined },
): Omit<BuildResult, 'durationMs'> {
  return {
    template,
    outcome: 'unchanged',
    ...(version === undefined ? {} : { version }),
    ...(output === undefined ? {} : { output }),
    seconds: [],
    artifacts: [],
  };
}

function shortName(template: string): string {
  return (template.split('/').at(-1) ?? template).replace(/\.(ya?ml|ts)$/, '');
}

/** Removes what builds left that were killed. */
async function sweep(services: Services, signal: AbortSignal): Promise<void> {
  const ctx = housekeepingContext(services, signal);
  const swept = await sweepRuns(ctx, services.removeTrees);
  if (swept.length > 0)
    ctx.emit({
      type: 'log',
      level: 'info',
      message: `Removed what ${swept.length === 1 ? 'an interrupted build' : `${swept.length} interrupted builds`} left behind`,
    });
}
