import { randomInt } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { AppError, type ErrorCode, errorTable, isCancellation } from '../util/errors.ts';
import type { Database } from './database.ts';
import { jobsChannel } from './job-events.ts';
import { type ProcessEnd, type ProcessPlace, runJobProcess, tooLong } from './job-process.ts';
import { cleanUp } from './janitor.ts';
import { fireSchedules } from './schedules.ts';
import { endAttempt, type Held, type JobEnd, takeJob } from './take-job.ts';
import { beat, declareAllLost, declareDeadProcesses, openLifeWatch, registerWorker, setWorkerState } from './workers.ts';

export interface WorkerOptions extends ProcessPlace {
  labels: readonly string[];
  /** Jobs at the same time; 0 takes none, and looks after schedules and lost workers only. */
  concurrency: number;
  /** How many jobs with a label this host takes at the same time. */
  labelLimits?: Readonly<Record<string, number>>;
  /** Of Gabarit. */
  version: string;
  /** What went wrong and will be tried again. */
  onFault?: (error: Error) => void;
  /** A worker that gives no sign of life for so long is lost: 10 s by default. */
  leaseMs?: number;
}

export interface RunningWorker {
  id(): string;
  /** Takes no more jobs, waits for those that run, and after `graceMs` hands them to others. */
  drain(graceMs: number): Promise<void>;
  /** Hands its jobs to others at once. */
  close(): Promise<void>;
}

/** Why an attempt is cut short. */
type Stop = 'cancelled' | 'lost' | 'leaving' | 'late';

interface Running {
  held: Held;
  stop: (why: Stop) => void;
  done: Promise<void>;
}

const beatMs = 1000;
const cleanUpMs = 60_000;
/** What the error table says may pass is tried so often in all; the process of a job that died, twice. */
const mostAttempts = 4;

/** Takes jobs from the queue and carries them out, until it is told to end. Jobs of workers that died are queued again by all others. */
export async function startWorker(options: WorkerOptions): Promise<RunningWorker> {
  const { db, onFault = () => undefined, leaseMs = 10_000 } = options;
  const running = new Map<string, Running>();
  const watch = openLifeWatch(db, leaseMs);
  const rest = new AbortController();
  let isLeaving = false;
  let wake = (): void => undefined;

  await recover(db);
  let id = await registerWorker(db, { ...options, labels: [...options.labels] });
  let lastBeat = performance.now();
  const stopListening = await db.listen(jobsChannel, (payload) => {
    const [what, job = ''] = payload.split(':');
    if (what === 'queued') wake();
    if (what === 'cancel') running.get(job)?.stop('cancelled');
  });

  const full = (): string[] =>
    Object.entries(options.labelLimits ?? {}).flatMap(([label, most]) =>
      [...running.values()].filter(({ held }) => held.job.labels.includes(label)).length >= most ? [label] : [],
    );

  const stopAll = (why: Stop): void => {
    for (const each of running.values()) each.stop(why);
  };

  async function giveSignOfLife(): Promise<void> {
    const held = await beat(db, id);
    lastBeat = performance.now();
    if (held === undefined) {
      // The others believed us dead: what we run is theirs now.
      stopAll('lost');
      id = await registerWorker(db, { ...options, labels: [...options.labels] });
      return;
    }
    for (const { held: mine, stop } of running.values()) {
      const found = held.find((row) => row.id === mine.job.id && row.attempt === mine.attempt);
      if (found?.cancelRequested) stop('cancelled');
      // A job that was taken since we asked is not in the answer; one that we have had for a while must be.
      else if (!found && performance.now() - (begun.get(mine) ?? 0) > 2 * beatMs) stop('lost');
    }
  }
  const begun = new WeakMap<Held, number>();

  async function takeAll(): Promise<void> {
    while (running.size < options.concurrency) {
      if (isLeaving) return;
      const held = await takeJob(db, { id, labels: options.labels, full: full() });
      if (held === undefined) return;
      begun.set(held, performance.now());
      const abort = new AbortController();
      let why: Stop | undefined;
      const stop = (reason: Stop): void => {
        why ??= reason;
        abort.abort(new AppError('CANCELLED', `Stopped: ${reason}`));
      };
      const timer = setTimeout(() => stop('late'), held.job.timeoutMinutes * 60_000);
      const done = runJobProcess(held, options, abort.signal)
        .then((ended) => settle(db, held, ended, () => why))
        .catch((error: unknown) => onFault(error as Error))
        .finally(() => {
          clearTimeout(timer);
          if (running.get(held.job.id)?.held === held) running.delete(held.job.id);
          wake();
        });
      running.set(held.job.id, { held, stop, done });
    }
  }

  /** Calls `work` again and again, at least once a beat, until the worker ends. */
  async function loop(pauseMs: number, work: () => Promise<unknown>, isWoken = false): Promise<void> {
    while (!rest.signal.aborted) {
      const woken = new Promise<void>((resolve) => {
        if (isWoken) wake = resolve;
      });
      await work().catch((error: unknown) => {
        if (!isCancellation(error) && !rest.signal.aborted) onFault(error as Error);
      });
      const pause = new AbortController();
      await Promise.race([woken, sleep(pauseMs, undefined, { signal: AbortSignal.any([rest.signal, pause.signal]) })]).catch(
        () => undefined,
      );
      pause.abort();
    }
  }

  const loops = [
    loop(beatMs, async () => {
      try {
        await giveSignOfLife();
      } finally {
        // Cut off for so long, we must take it that others have our jobs.
        if (performance.now() - lastBeat > leaseMs) stopAll('lost');
      }
      await declareDeadProcesses(db);
      await watch.look(id);
    }),
    loop(beatMs, takeAll, true),
    loop(beatMs + randomInt(200), () => fireSchedules(db)),
    loop(cleanUpMs, () => cleanUp(options)),
  ];

  async function end(graceMs: number): Promise<void> {
    isLeaving = true;
    await setWorkerState(db, id, 'draining').catch(onFault);
    const all = Promise.all([...running.values()].map(({ done }) => done));
    await Promise.race([all, sleep(graceMs, undefined, { signal: rest.signal })]).catch(() => undefined);
    stopAll('leaving');
    await Promise.all([...running.values()].map(({ done }) => done));
    rest.abort();
    await Promise.all(loops);
    await stopListening();
    await setWorkerState(db, id, 'gone').catch(onFault);
  }

  let ending: Promise<void> | undefined;
  return { id: () => id, drain: (graceMs) => (ending ??= end(graceMs)), close: () => (ending ??= end(0)) };
}

const recovered = new WeakSet<Database>();

/** A database that one process alone can have open knows no living worker when it is opened. */
async function recover(db: Database): Promise<void> {
  if (db.kind === 'pglite' && !recovered.has(db)) {
    recovered.add(db);
    await declareAllLost(db);
  }
  await declareDeadProcesses(db);
}

/** Writes down how an attempt ended. What it achieved counts even when it was to be stopped. */
async function settle(db: Database, held: Held, end: ProcessEnd, why: () => Stop | undefined): Promise<void> {
  const decision = decide(held, end, why());
  if (decision === undefined) return;
  for (let attempt = 1; ; attempt += 1) {
    try {
      await endAttempt(db, held, decision);
      return;
    } catch (error) {
      // While the database is away, others take the job over by and by: this attempt's end is then refused.
      if (!(error instanceof AppError) || !errorTable[error.code].retry || attempt > 60) throw error;
      await sleep(1000);
    }
  }
}

export function decide({ job }: Held, { result, error, died }: ProcessEnd, why: Stop | undefined): JobEnd | undefined {
  if (why === 'lost') return undefined;
  if (result) return { state: 'done', result };
  if (why === 'cancelled') return { state: 'cancelled' };
  if (why === 'leaving') return { state: 'queued', afterMs: 0, isFailure: false, why: { type: 'job.handed-over' } };
  const failure =
    why === 'late'
      ? tooLong(job.timeoutMinutes)
      : (error ?? { code: 'BUILD_FAILED', message: `The process of the job died: ${died ?? 'without a word'}` });
  const failures = job.failures;
  const mayPass = died !== undefined ? failures < 1 : passes(failure.code) && failures < mostAttempts - 1;
  if (!mayPass) return { state: 'failed', error: failure };
  const afterMs = 5000 * 3 ** failures;
  return { state: 'queued', afterMs, isFailure: true, why: { type: 'job.retrying', error: failure, afterMs } };
}

function passes(code: string): boolean {
  return Object.hasOwn(errorTable, code) && errorTable[code as ErrorCode].retry;
}
