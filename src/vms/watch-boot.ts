import { setTimeout as sleep } from 'node:timers/promises';
import { AppError } from '../util/errors.ts';
import { bootFailureCause, lastConsoleLine } from './boot-causes.ts';
import type { SerialConsole } from './serial-console.ts';

export interface BootLimits {
  /** A boot that takes longer has failed. */
  bootMs: number;
  /** So has one that for so long neither wrote to its console nor used its disk. */
  silenceMs: number;
}

/** Emulation is ten to thirty times slower than KVM, and shares its cores with others. */
export const bootLimits: Record<'kvm' | 'tcg', BootLimits> = {
  kvm: { bootMs: 180_000, silenceMs: 60_000 },
  tcg: { bootMs: 600_000, silenceMs: 150_000 },
};

/** What is watched of a machine that starts. */
export interface Watched {
  console: SerialConsole;
  /** Where in the console this boot begins. */
  mark: number;
  /** Says why the machine is gone, once it is. */
  ended(): string | undefined;
  /** Bytes that it has read and written on its disk. */
  diskActivity(): Promise<number>;
  /** How often it restarted by itself. */
  resets(): number;
}

/** One restart is several resets: the kernel's, the firmware's own; and shim may restart once to enter itself into the boot entries. */
const resetsAllowed = 8;

/** Resolves with a cause when the boot has failed; never rejects; resolves with undefined when `signal` ends the watch. */
async function watch(watched: Watched, limits: BootLimits, signal: AbortSignal): Promise<string | undefined> {
  const started = performance.now();
  let activity = 0;
  let activeMs = started;
  while (!signal.aborted) {
    const text = watched.console.since(watched.mark);
    const cause = bootFailureCause(text);
    if (cause !== undefined) return cause;
    const ended = watched.ended();
    if (ended !== undefined) return ended;
    if (watched.resets() > resetsAllowed)
      return `the machine restarts over and over; its console last said: ${lastConsoleLine(text)}`;
    const now = await watched.diskActivity();
    if (now !== activity) [activity, activeMs] = [now, performance.now()];
    const quietMs = performance.now() - Math.max(activeMs, watched.console.lastOutputMs());
    if (quietMs > limits.silenceMs) {
      return `nothing came from the machine for ${Math.round(quietMs / 1000)} s; its console last said: ${lastConsoleLine(text) || 'nothing at all'}`;
    }
    if (performance.now() - started > limits.bootMs) {
      return `it was not up within ${limits.bootMs / 1000} s; its console last said: ${lastConsoleLine(text)}`;
    }
    await sleep(1000, undefined, { signal }).catch(() => undefined);
  }
  return undefined;
}

/**
 * Does `work` (which waits for something of the machine) while the machine is watched, and ends it early when the boot fails.
 * @throws AppError BOOT_FAILED with the likely cause as its message, CANCELLED, or what `work` throws
 */
export async function whileWatching<T>(
  watched: Watched,
  limits: BootLimits,
  signal: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const stop = new AbortController();
  const both = AbortSignal.any([signal, stop.signal]);
  let failure: string | undefined;
  const watching = (async (): Promise<void> => {
    failure = await watch(watched, limits, both);
    stop.abort();
  })();
  try {
    return await work(both);
  } catch (error) {
    stop.abort();
    await watching;
    if (signal.aborted) throw new AppError('CANCELLED', 'Cancelled: waiting for a machine', { cause: error });
    if (failure !== undefined) throw new AppError('BOOT_FAILED', failure);
    throw error;
  } finally {
    stop.abort();
    await watching;
  }
}
