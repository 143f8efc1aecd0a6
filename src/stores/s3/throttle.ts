import { setTimeout as sleep } from 'node:timers/promises';

/** Lets bytes pass at a rate, shared by all who pass. */
export interface Throttle {
  /** Waits until so many bytes may pass. */
  pass(bytes: number, signal?: AbortSignal): Promise<void>;
}

/** How long it may have been idle and still catch up, in ms. */
const burstMs = 100;

/** @param bytesPerSecond no limit when undefined */
export function createThrottle(bytesPerSecond: number | undefined, now: () => number = () => performance.now()): Throttle {
  let freeAtMs = 0;
  return {
    async pass(bytes, signal) {
      if (bytesPerSecond === undefined) return;
      const startMs = Math.max(freeAtMs, now() - burstMs);
      freeAtMs = startMs + (bytes / bytesPerSecond) * 1000;
      const waitMs = freeAtMs - now();
      if (waitMs > 0) await sleep(waitMs, undefined, signal ? { signal } : {});
    },
  };
}
