import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Command } from 'commander';
import type { App } from '../../app.ts';
import type { JobAnswer, JobOrder, JobQuestion } from '../../jobs/job-protocol.ts';
import type { JobRequest, JobResult } from '../../model/job.ts';
import { AppError, type ErrorCode, errorTable } from '../../util/errors.ts';
import type { Run } from '../context.ts';

/** What a worker starts for each job; people have `gabarit build` and its sisters. Speaks jobs/job-protocol.ts. */
export function runJobCommand(run: Run): Command {
  return new Command('run-job').summary('carry out one job for a worker, which speaks through standard input').action(() =>
    run(async ({ signal, openApp, answer }) => {
      const line = openLine();
      const app = await openApp({ kind: 'steps' });
      const order = await line.order;
      const result = await carryOut(order, app, line.ask, AbortSignal.any([signal, line.gone]));
      answer({ type: 'result', result }, () => `${JSON.stringify(result)}\n`);
    }),
  );
}

/** A question without the frame in which it travels. */
type Asked = JobQuestion extends infer Q ? (Q extends JobQuestion ? Omit<Q, 'type' | 'number'> : never) : never;
type Ask = (question: Asked) => Promise<unknown>;

interface Line {
  order: Promise<JobOrder>;
  ask: Ask;
  /** Aborted when the worker is gone: nobody would hear the end. */
  gone: AbortSignal;
}

function openLine(): Line {
  const gone = new AbortController();
  const waiting = new Map<number, (answer: JobAnswer) => void>();
  let number = 0;
  const order = new Promise<JobOrder>((resolve, reject) => {
    const input = createInterface({ input: process.stdin });
    input.on('line', (text) => {
      const message = JSON.parse(text) as JobOrder | JobAnswer;
      if (message.type === 'job') resolve(message);
      else waiting.get(message.number)?.(message);
    });
    input.on('close', () => {
      const error = new AppError('CANCELLED', 'The worker is gone');
      reject(error);
      gone.abort(error);
      for (const settle of waiting.values())
        settle({ type: 'answer', number: 0, error: { code: error.code, message: error.message } });
    });
  });
  return {
    order,
    gone: gone.signal,
    async ask(question) {
      gone.signal.throwIfAborted();
      number += 1;
      const answered = new Promise<JobAnswer>((resolve) => waiting.set(number, resolve));
      process.stdout.write(`${JSON.stringify({ type: 'ask', number, ...question })}\n`);
      const { value, error } = await answered;
      if (!error) return value;
      const code = Object.hasOwn(errorTable, error.code) ? (error.code as ErrorCode) : 'DATABASE_FAILED';
      throw new AppError(code, error.message, error.hint === undefined ? {} : { hint: error.hint });
    },
  };
}

async function carryOut(order: JobOrder, app: App, ask: Ask, signal: AbortSignal): Promise<JobResult> {
  const { request } = order.job;
  if (request.kind === 'build') return build(request, order, app, ask, signal);
  if (request.kind === 'publish')
    return { outcome: 'done', published: await publish(request.folder, request, order, app, ask, signal) };
  if (request.kind === 'verify')
    return refuseFailed(await app.verify(request.folder, { boot: request.boot === true }, signal), request.folder);
  if (request.kind === 'retention') return prune(request, order, app, signal);
  const { parseImageReference } = await import('../../model/image-reference.ts');
  const image = parseImageReference(request.image);
  if (request.kind === 'recheck') {
    const { verdicts } = await app.verifyPublished(image, request.store, { quick: false }, signal);
    return refuseFailed(verdicts, request.image);
  }
  const results = await app.deploy({ image, targets: request.targets, dryRun: false }, request.store, signal);
  const failed = results.find(({ error }) => error !== undefined);
  if (failed?.error) throw failed.error;
  return { outcome: 'done', targets: results };
}

async function prune(request: RequestOf<'retention'>, order: JobOrder, app: App, signal: AbortSignal): Promise<JobResult> {
  const { store, keepLast, keepDays, template } = request;
  const catalog = await app.catalog(store, { by: order.job.requestedBy });
  const { images, freed } = await catalog.prune({ keepLast, keepDays }, { template, apply: true }, signal);
  return { outcome: 'done', removed: images.map((image) => `${image.template}@${image.version}`), freed };
}

type RequestOf<K extends JobRequest['kind']> = Extract<JobRequest, { kind: K }>;

async function build(
  request: RequestOf<'build'>,
  { job, plan, retryFrom }: JobOrder,
  app: App,
  ask: Ask,
  signal: AbortSignal,
): Promise<JobResult> {
  // All attempts are made by the plan of the first, whatever the mirrors have since.
  const planFile = plan === undefined ? undefined : join(app.config.stateDir, 'jobs', job.id, 'plan.json');
  if (planFile !== undefined) await writeFile(planFile, JSON.stringify(plan));
  const [built] = await app.build(
    {
      templates: [request.template],
      ...(planFile === undefined ? {} : { planFile }),
      ...(request.formats ? { formats: request.formats } : {}),
      force: request.force === true,
      jobs: 1,
      checkReproducible: false,
      verify: request.verify === true,
      offline: request.offline === true,
      outputDir: app.config.outputDir,
      hooks: {
        planned: async (made) => (await ask({ ask: 'planned', plan: made })) as JobResult | undefined,
        version: async (template, suggested) => (await ask({ ask: 'version', template, suggested })) as string,
        ...(retryFrom === undefined || ['plan', 'publish'].includes(retryFrom) ? {} : { redoFrom: retryFrom }),
      },
    },
    signal,
  );
  if (built === undefined) throw new TypeError('nothing was built');
  if (built.error) throw built.error;
  const { outcome, version, output } = built;
  const result: JobResult = {
    outcome: outcome === 'unchanged' ? 'unchanged' : 'done',
    ...(version === undefined ? {} : { version }),
    ...(output === undefined ? {} : { output }),
  };
  // Without an output nothing was made, since the last image is as good, and published already.
  if (request.publish === undefined || output === undefined) return result;
  return { ...result, published: await publish(output, request.publish, { job }, app, ask, signal) };
}

async function publish(
  folder: string,
  { store, channel }: { store: string; channel?: string | undefined },
  { job }: Pick<JobOrder, 'job'>,
  app: App,
  ask: Ask,
  signal: AbortSignal,
): Promise<NonNullable<JobResult['published']>> {
  const permit = async (): Promise<void> => void (await ask({ ask: 'publish' }));
  const { template, version, digest } = await app.publish(
    folder,
    store,
    { by: job.requestedBy, ...(channel === undefined ? {} : { channel }), job: { id: job.id, permit } },
    signal,
  );
  return { template, version, digest };
}

function refuseFailed(verdicts: { check: string; status: string; message: string }[], what: string): JobResult {
  const failed = verdicts.filter(({ status }) => status === 'fail');
  if (failed.length === 0) return { outcome: 'done', verdicts: verdicts.length };
  throw new AppError('CHECK_FAILED', `${what} does not pass ${failed.length === 1 ? 'a check' : `${failed.length} checks`}`, {
    faults: failed.map(({ check, message }) => ({ message: `${check}: ${message}` })),
  });
}
