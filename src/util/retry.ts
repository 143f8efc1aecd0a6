import { setTimeout as sleep } from 'node:timers/promises';
import { AppError, errorTable } from './errors.ts';

export interface RetryOptions {
  attempts: number;
  /** The first pause; each further one is twice as long, with up to half of it taken off at random. */
  delayMs: number;
  /** No pause is longer. */
  maxDelayMs?: number;
  signal?: AbortSignal | undefined;
  /** Whether this error may go away by itself. By default: what the error table says, and nothing that is not an AppError. */
  retryable?: (error: unknown) => boolean;
  onRetry?: (error: unknown, attempt: number) => void;
}

/** Calls `work` until it succeeds, up to `attempts` times, only while the error is one that a retry can help. */
export async function retry<T>(work: (attempt: number) => Promise<T>, options: RetryOptions): Promise<T> {
  const retryable = options.retryable ?? ((error) => error instanceof AppError && errorTable[error.code].retry);
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work(attempt);
    } catch (error) {
      if (attempt >= options.attempts || options.signal?.aborted || !retryable(error)) throw error;
      options.onRetry?.(error, attempt);
      const pause = Math.min(options.delayMs * 2 ** (attempt - 1), options.maxDelayMs ?? Number.POSITIVE_INFINITY);
      await sleep(pause - (Math.random() * pause) / 2, undefined, options.signal ? { signal: options.signal } : {});
    }
  }
}
