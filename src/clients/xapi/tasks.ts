import { setTimeout as sleep } from 'node:timers/promises';
import { AppError } from '../../util/errors.ts';
import { xapiError, xapiErrorOf } from './errors.ts';
import type { TaskRecord, TaskRef } from './records.ts';
import type { Session } from './session.ts';
import { parseValue, type XmlValue } from './xml-value.ts';

export interface TaskOptions {
  signal?: AbortSignal | undefined;
  /** The host's own progress, 0 to 1. */
  onProgress?(fraction: number): void;
  /** A task that gets no further for so long is cancelled, destroyed, and fails with TIMEOUT; 10 minutes by default. */
  stallMs?: number;
  /** Awaited with the task's reference as soon as it is known; before a byte is sent, where bytes are sent. */
  onTask?(task: TaskRef): Promise<void> | void;
  /** Name and other_config of the task, where we make it: uploads and exports. XAPI names those of calls. */
  taskLabel?: string;
  taskOtherConfig?: Record<string, string>;
}

interface EventBatch {
  token: string;
  events: { operation: string; ref: string; snapshot?: TaskRecord }[];
}

const defaultStallMs = 10 * 60_000;
/** The longest wait in one question for events; below the time-out of a call. */
const waitSeconds = 30;
/** How long a host that does not answer may take to come back: its tool stack restarts in about half a minute. */
const outageMs = 90_000;
/** How long a task may take to notice that it was cancelled. XAPI looks every ten seconds. */
const settleMs = 20_000;
const cleanupTimeoutMs = 10_000;

/** How a task is going: a watcher may be told from outside that there was progress (bytes were sent). */
export interface TaskWatch {
  touch(): void;
  /** The task's result. @throws AppError with the task's own error; TIMEOUT when it is stuck; CANCELLED */
  result: Promise<XmlValue | undefined>;
}

/** Starts to watch a task. */
export function watchTask(session: Session, task: TaskRef, what: string, options: TaskOptions = {}): TaskWatch {
  const stallMs = options.stallMs ?? defaultStallMs;
  let lastMove = performance.now();
  const touch = (): void => {
    lastMove = performance.now();
  };
  const watch = async (): Promise<XmlValue | undefined> => {
    let token = '';
    let progress = -1;
    let unreachableSince: number | undefined;
    for (;;) {
      const leftMs = lastMove + stallMs - performance.now();
      if (leftMs <= 0) throw stuck(what, stallMs);
      let batch: EventBatch;
      try {
        // A number with a point, so that XAPI takes it for a float.
        const seconds = Math.min(waitSeconds, Math.max(0, leftMs / 1000)) + 0.05;
        batch = (await session.call('event.from', [[`task/${task}`], token, seconds], { signal: options.signal })) as EventBatch;
        unreachableSince = undefined;
      } catch (error) {
        if (xapiErrorOf(error) === 'EVENTS_LOST') {
          token = '';
          continue;
        }
        if (!(error instanceof AppError) || !['TARGET_UNREACHABLE', 'TIMEOUT'].includes(error.code)) throw error;
        unreachableSince ??= performance.now();
        if (performance.now() - unreachableSince > outageMs) throw error;
        await sleep(1000, undefined, options.signal ? { signal: options.signal } : {});
        continue;
      }
      const first = token === '';
      token = batch.token;
      const changes = batch.events.filter(({ ref }) => ref === task);
      if (changes.some(({ operation }) => operation === 'del') || (first && changes.length === 0)) throw vanished(what);
      const record = changes.at(-1)?.snapshot;
      if (record === undefined) continue;
      if (Number(record.progress) !== progress) {
        progress = Number(record.progress);
        touch();
        options.onProgress?.(record.status === 'success' ? 1 : progress);
      }
      if (record.status !== 'pending' && record.status !== 'cancelling') return outcomeOf(record, what);
    }
  };
  return { touch, result: watch() };
}

/** What a finished task came to. @throws AppError */
function outcomeOf(task: TaskRecord, what: string): XmlValue | undefined {
  if (task.status === 'success') return resultOf(task.result);
  if (task.status === 'cancelled') throw xapiError(what, 'TASK_CANCELLED', []);
  const [code = 'INTERNAL_ERROR', ...parameters] = task.error_info;
  throw xapiError(what, code, parameters);
}

/** A result is nothing, a reference, or a value of XML-RPC. */
function resultOf(result: string): XmlValue | undefined {
  if (result === '') return undefined;
  return result.startsWith('<') ? parseValue(result) : result;
}

/**
 * Ends a task that is not wanted any more: cancels it, gives it time to undo what it did, and removes it. One that no host has
 * taken (`idle`) has nothing to undo. Never throws: it runs while something else has failed.
 */
export async function endTask(session: Session, task: TaskRef, idle = false): Promise<void> {
  const call = (method: string, ...parameters: unknown[]): Promise<unknown> =>
    session.call(method, parameters, { signal: AbortSignal.timeout(cleanupTimeoutMs), timeoutMs: cleanupTimeoutMs });
  try {
    if (await isPending(call, task)) {
      // A task that cannot be cancelled refuses; it is removed all the same, by XAPI as soon as it ends.
      await call('task.cancel', task).catch(() => undefined);
      const deadline = performance.now() + (idle ? 0 : settleMs);
      while (performance.now() < deadline && (await isPending(call, task))) await sleep(200);
      // Nobody works on it any more, so nobody would end it: we do, where the host can (it is fine when it has ended meanwhile).
      if (await isPending(call, task)) await call('task.set_status', task, 'cancelled').catch(() => undefined);
    }
    await call('task.destroy', task);
  } catch {
    // The host is gone or the task is: nothing is left to be ended by us. What stays, its label says whose it is.
  }
}

async function isPending(call: (method: string, task: string) => Promise<unknown>, task: TaskRef): Promise<boolean> {
  const status = await call('task.get_status', task);
  return status === 'pending' || status === 'cancelling';
}

function stuck(what: string, stallMs: number): AppError {
  return new AppError(
    'TIMEOUT',
    `${what} got no further for ${Math.round(stallMs / 1000)} s; its task was cancelled and removed`,
    {
      hint: 'Look at the tasks and the storage of the pool; then try again.',
    },
  );
}

function vanished(what: string): AppError {
  return new AppError('TARGET_FAILED', `${what}: its task has disappeared from the pool, and with it how it ended`, {
    hint: 'The tool stack of the host was restarted, or somebody removed the task. Look what is there, then try again.',
  });
}
