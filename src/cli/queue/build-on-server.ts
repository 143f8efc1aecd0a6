import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { App } from '../../app.ts';
import { endStates, type Job } from '../../model/job.ts';
import { AppError, type ErrorCode, errorTable, isCancellation } from '../../util/errors.ts';
import type { ServerOptions } from '../server-option.ts';
import { type FoundServer, findServer } from './find-server.ts';
import { followJob } from './follow-job.ts';
import { patientClient } from './patient-client.ts';
import { jobOf, queueOnServer, storeName } from './queue-on-server.ts';

/** What is to be built by a server. */
export interface ServerBuild {
  templates: readonly string[];
  build: { force?: boolean; verify?: boolean; offline?: boolean; formats?: string[] };
  /** Publish it there, when a store or a channel is named. */
  store?: string | undefined;
  channel?: string | undefined;
}

/** A job of a server that this command asked for, or that somebody else had asked for already. */
export interface AskedJob {
  template: string;
  job: Job;
  isNew: boolean;
}

/** How long a server may be away while its job is watched. */
const patienceMs = 60_000;
/** How long a cancelled job may take until it is left alone. */
const cancelMs = 10_000;

/** Puts builds into the queue of a server. @throws AppError TEMPLATE_NOT_FOUND, FORBIDDEN */
export async function askForBuilds(
  { client }: FoundServer,
  { templates, build, store, channel }: ServerBuild,
): Promise<AskedJob[]> {
  const named = store === undefined ? {} : { store: await storeName(client, store) };
  const publish =
    store === undefined && channel === undefined ? {} : { publish: { ...named, ...(channel === undefined ? {} : { channel }) } };
  const asked: AskedJob[] = [];
  for (const template of templates) {
    const { isNew, ...job } = await client.call('POST /jobs', {
      body: { request: { kind: 'build', template, ...build, ...publish } },
      idempotencyKey: randomUUID(),
    });
    asked.push({ template, job: jobOf(job), isNew });
  }
  return asked;
}

/**
 * Shows a job as a build on this machine would be shown, until it ends. Ctrl-C cancels it, when it was this command that asked for it; a
 * terminal that closes leaves it running, and so does Ctrl-C with what others asked for.
 */
export async function watchBuild(
  app: App,
  server: FoundServer,
  options: ServerOptions,
  asked: AskedJob,
  signal: AbortSignal,
): Promise<Job> {
  const { id } = asked.job;
  const say = app.bus.emitter(asked.template);
  say({
    type: 'log',
    level: 'info',
    message: `Job ${id} of ${server.url}${asked.isNew ? '' : `: ${asked.job.requestedBy} has asked for the same already`}`,
  });
  const queue = queueOnServer(patientClient(server.client, () => findServer(app, options), { patienceMs, signal }));
  const events = followJob(queue, id, Math.max(1, asked.job.attempt), signal);
  try {
    for (;;) {
      const { done, value } = await events.next();
      if (done) return value;
      // How it ended is shown at the end of this command.
      if (!['result', 'error'].includes(value.type)) app.bus.pass(value);
    }
  } catch (error) {
    if (!isCancellation(error) || !signal.aborted) throw error;
    const leaves = !asked.isNew || (signal.reason as { details?: { signal?: string } } | undefined)?.details?.signal === 'SIGHUP';
    if (!leaves) return cancel(server, id);
    throw new AppError('CANCELLED', `Job ${id} goes on without being watched`, {
      cause: error,
      hint: `gabarit jobs logs ${id} --follow watches it again, gabarit jobs cancel ${id} ends it.`,
    });
  }
}

async function cancel({ client }: FoundServer, job: string): Promise<Job> {
  let last = jobOf(await client.call('POST /jobs/:job/cancel', { params: { job } }));
  for (const since = performance.now(); !endStates.includes(last.state) && performance.now() - since < cancelMs; await sleep(200))
    last = jobOf(await client.call('GET /jobs/:job', { params: { job } }));
  return last;
}

/** Why there is no image, undefined when there is one. */
export function errorOfJob({ id, state, error, cancelledBy }: Job): AppError | undefined {
  if (state === 'done') return undefined;
  if (state !== 'failed')
    return new AppError('CANCELLED', `Job ${id} was cancelled${cancelledBy === undefined ? '' : ` by ${cancelledBy}`}`, {
      hint: `gabarit jobs retry ${id} goes on where it was.`,
    });
  const { code = 'BUILD_FAILED', message = `Job ${id} failed`, hint, faults } = error ?? {};
  return new AppError(Object.hasOwn(errorTable, code) ? (code as ErrorCode) : 'BUILD_FAILED', message, {
    ...(hint === undefined ? {} : { hint }),
    ...(faults === undefined ? {} : { faults }),
    details: { job: id },
  });
}
