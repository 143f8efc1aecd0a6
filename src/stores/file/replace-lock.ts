import { join } from 'node:path';
import { AppError } from '../../util/errors.ts';
import { lockFile } from '../../util/lock-file.ts';

interface Job {
  run(): Promise<void>;
  fail(error: unknown): void;
}

/** Taking the lock costs a child process, so one holder of this process works off what queued up, but not for longer than this. */
const holdMs = 200;
const queues = new Map<string, Job[]>();

/**
 * Runs `work` while nobody else, in this process or another of this machine, replaces or removes an object of the store.
 * @throws AppError CANCELLED when the signal is aborted before its turn comes
 */
export function withReplaceLock(root: string, signal: AbortSignal | undefined, work: () => Promise<void>): Promise<void> {
  const path = join(root, '.gabarit', 'lock');
  return new Promise((resolve, reject) => {
    const fail = (): void => reject(new AppError('CANCELLED', `Cancelled while waiting for ${path}`));
    signal?.addEventListener('abort', fail, { once: true });
    const run = async (): Promise<void> => {
      signal?.removeEventListener('abort', fail);
      if (signal?.aborted) return fail();
      await work().then(resolve, reject);
    };
    const job: Job = { run, fail: reject };
    const queue = queues.get(path);
    if (queue) {
      queue.push(job);
      return;
    }
    queues.set(path, [job]);
    void workOff(path);
  });
}

async function workOff(path: string): Promise<void> {
  const queue = queues.get(path) ?? [];
  try {
    while (queue.length > 0) {
      await using _lock = await lockFile(path);
      const until = performance.now() + holdMs;
      for (let job = queue.shift(); job; job = performance.now() < until ? queue.shift() : undefined) await job.run();
    }
  } catch (error) {
    for (const job of queue) job.fail(error);
  } finally {
    queues.delete(path);
  }
}
