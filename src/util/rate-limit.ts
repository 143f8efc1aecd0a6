import { setTimeout as sleep } from 'node:timers/promises';

/** Lets bytes through at a steady pace; several streams may share one. */
export interface RateLimit {
  /** Waits until `bytes` more may go. */
  take(bytes: number, signal?: AbortSignal): Promise<void>;
}

/** So much may go at once before waiting begins: a pace that is kept over a quarter of a second. */
const burstMs = 250;

export function createRateLimit(bytesPerSecond: number): RateLimit {
  /** When what was let through so far would have ended at that pace. */
  let paidUntil = 0;
  return {
    async take(bytes, signal) {
      const now = performance.now();
      paidUntil = Math.max(now - burstMs, paidUntil) + (bytes / bytesPerSecond) * 1000;
      const pauseMs = paidUntil - now;
      if (pauseMs > 0) await sleep(pauseMs, undefined, signal ? { signal } : {});
    },
  };
}
