import { setTimeout as sleep } from 'node:timers/promises';
import { AppError, toAppError } from '../../util/errors.ts';
import { Scope } from '../../util/scope.ts';
import type { Connections } from './connection.ts';
import { xapiErrorOf } from './errors.ts';
import type { TaskRef } from './records.ts';
import type { Session } from './session.ts';
import { endTask, type TaskOptions, type TaskWatch, watchTask } from './tasks.ts';
import type { XmlValue } from './xml-value.ts';

/** Bytes that are to move, under a task. */
export interface Transfer {
  session: Session;
  connections: Connections;
  /** Path without query. */
  path: string;
  query: Record<string, string>;
  /** For messages: `The import into the pool at ...`. */
  what: string;
  timeoutMs: number;
}

/** One try of it. */
export interface Attempt {
  task: TaskRef;
  watch: TaskWatch;
  /** Aborted by the caller, and as soon as the task has failed. */
  signal: AbortSignal;
  /** Connections stay until the task has ended: what was sent may not have been read yet. */
  scope: Scope;
  /** Whether a host has said yes, so that it works on the task. */
  taken: boolean;
}

/** How long the host's task may take to end after the connection broke; and after a refusal, with which it ends at once. */
const verdictMs = 20_000;
const refusalMs = 2000;

/** Makes a task, lets `move` move the bytes, and returns what the task came to. Once more when the session was forgotten. */
export async function withTask(
  transfer: Transfer,
  options: TaskOptions,
  move: (attempt: Attempt) => Promise<void>,
): Promise<XmlValue | undefined> {
  const used = transfer.session.id;
  try {
    return await withOneTask(transfer, options, move);
  } catch (error) {
    if (!(error instanceof AppError) || error.details['http'] !== 401) throw error;
    await transfer.session.renew(used, options.signal);
    return withOneTask(transfer, options, move);
  }
}

async function withOneTask(
  { session, what }: Transfer,
  options: TaskOptions,
  move: (attempt: Attempt) => Promise<void>,
): Promise<XmlValue | undefined> {
  const call = { signal: options.signal };
  const task = (await session.call('task.create', [options.taskLabel ?? what, ''], call)) as TaskRef;
  const stop = new AbortController();
  const done = new AbortController();
  const scope = new Scope();
  let attempt: Attempt | undefined;
  try {
    for (const [key, value] of Object.entries(options.taskOtherConfig ?? {})) {
      await session.call('task.add_to_other_config', [task, key, value], call);
    }
    await options.onTask?.(task);
    const watch = watchTask(session, task, what, { ...options, signal: either(options.signal, done.signal) });
    watch.result.catch((error: unknown) => stop.abort(error));
    attempt = { task, watch, signal: either(options.signal, stop.signal), scope, taken: false };
    let broken: unknown;
    try {
      await move(attempt);
    } catch (error) {
      options.signal?.throwIfAborted();
      broken = error;
    }
    if (broken === undefined) return await watch.result;
    if (broken instanceof AppError && broken.details['http'] === 401) throw broken;
    return await verdict(watch, broken, what, attempt.taken ? verdictMs : refusalMs);
  } catch (error) {
    throw toAppError(error, 'TARGET_FAILED', what);
  } finally {
    done.abort();
    await scope.close();
    await endTask(session, task, attempt?.taken !== true);
  }
}

/** What `promise` resolves with, or undefined when that takes longer. */
export async function within<T>(ms: number, promise: Promise<T>): Promise<T | undefined> {
  const over = new AbortController();
  try {
    return await Promise.race([promise, sleep(ms, undefined, { signal: over.signal }).catch(() => undefined)]);
  } finally {
    over.abort();
  }
}

export function either(signal: AbortSignal | undefined, other: AbortSignal): AbortSignal {
  return signal === undefined ? other : AbortSignal.any([signal, other]);
}

/** The bytes did not go through. What the task says counts more than what we saw, if it says it soon. */
async function verdict(watch: TaskWatch, broken: unknown, what: string, patienceMs: number): Promise<XmlValue | undefined> {
  const outcome = await within(
    patienceMs,
    watch.result.then(
      (value) => ({ value }),
      (error: unknown) => ({ error }),
    ),
  );
  if (outcome === undefined) throw broken;
  if ('value' in outcome) return outcome.value;
  // The host saw the stream end too early, because the connection broke: that is the cause, and may go away.
  const isEcho = ['IMPORT_ERROR_PREMATURE_EOF', 'VDI_IO_ERROR', 'INTERNAL_ERROR', 'IMPORT_ERROR_GENERIC'].includes(
    xapiErrorOf(outcome.error) ?? '',
  );
  if (isEcho && broken instanceof AppError) {
    if (broken.code !== 'TARGET_UNREACHABLE') throw broken;
    throw new AppError('TARGET_UNREACHABLE', `${what} broke off: ${broken.message}`, {
      cause: broken,
      hint: 'The host has removed what it had taken so far. Try again.',
      details: broken.details,
    });
  }
  throw outcome.error;
}
