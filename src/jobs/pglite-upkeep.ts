import type { PGlite } from '@electric-sql/pglite';

/**
 * What PostgreSQL leaves to processes of its own, and PGlite, which is one process, never does: checkpoints, without which its journal only
 * grows and whoever opens it after a kill reads all of that again (20 s for 200 MiB); and VACUUM, without which deleted rows keep their room.
 */
export interface PgliteUpkeep {
  /** Waits for what is under way. */
  stop(): Promise<void>;
}

const minuteMs = 60_000;

export function keepTidy(lite: Pick<PGlite, 'query'>, { checkpointMs = minuteMs, vacuumMs = 60 * minuteMs } = {}): PgliteUpkeep {
  let busy: Promise<unknown> = Promise.resolve();
  const every = (ms: number, sql: string): NodeJS.Timeout =>
    // A full disk, say, meets the next statement of somebody who can tell of it.
    setInterval(() => (busy = busy.then(() => lite.query(sql)).catch(() => undefined)), ms).unref();
  const timers = [every(checkpointMs, 'CHECKPOINT'), every(vacuumMs, 'VACUUM')];
  return {
    async stop() {
      for (const timer of timers) clearInterval(timer);
      await busy;
    },
  };
}
