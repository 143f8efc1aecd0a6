import type { Duplex } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { AppError } from '../../util/errors.ts';
import { openRfb, type Rfb } from './open.ts';
import type { Picture } from './screen.ts';

export interface WatchOptions {
  signal?: AbortSignal;
  /** How long the console may be away, as while a guest is rebooted; a minute by default. */
  absenceMs?: number;
  /** As of {@link openRfb}. */
  timeoutMs?: number;
}

/** A console that is opened when it is needed, and again when it has gone away meanwhile. */
export interface ConsoleWatch {
  capture(): Promise<Picture>;
  press(...keysyms: number[]): Promise<void>;
  type(text: string): Promise<void>;
  close(): void;
}

const defaultAbsenceMs = 60_000;
const pauseMs = 300;
/** Failures that waiting does not mend: we may not see it, the machine does not run, we were told to stop. */
const final: ReadonlySet<string> = new Set(['TARGET_DENIED', 'CONFLICT', 'CANCELLED']);

/** `connect` makes a new stream each time, such as `() => xapi.openConsole(vm)`. */
export function watchConsole(connect: () => Promise<Duplex>, options: WatchOptions = {}): ConsoleWatch {
  const { signal, absenceMs = defaultAbsenceMs, timeoutMs } = options;
  let current: Rfb | undefined;

  const open = async (): Promise<Rfb> => {
    if (!current?.isOpen) {
      const limits = { ...(signal ? { signal } : {}), ...(timeoutMs === undefined ? {} : { timeoutMs }) };
      current = await openRfb(await connect(), limits);
    }
    return current;
  };
  /** A console that is away comes back. */
  const persist = async <T>(work: (rfb: Rfb) => Promise<T> | T): Promise<T> => {
    const deadline = performance.now() + absenceMs;
    for (;;) {
      try {
        return await work(await open());
      } catch (error) {
        const isFinal = !(error instanceof AppError) || final.has(error.code);
        if (isFinal || performance.now() > deadline) throw error;
        await sleep(pauseMs, undefined, signal ? { signal } : {});
      }
    }
  };

  return {
    capture: () => persist((rfb) => rfb.capture()),
    press: (...keysyms) => persist((rfb) => rfb.press(...keysyms)),
    type: (text) => persist((rfb) => rfb.type(text)),
    close: () => current?.close(),
  };
}
