/**
 * Runs show that they are alive, and which template they hold, in other_config of the pool. XAPI adds a key only when it is not there
 * yet, which is all that is needed to have one winner.
 */

const alivePrefix = 'gabarit:alive:';
const lockPrefix = 'gabarit:lock:';

/** How long a run counts as alive after it was heard of last. */
export const leaseMs = 10 * 60_000;

export interface Leases {
  /** The clock of the pool when it was looked at: milliseconds since 1970. */
  now: number;
  /** Who is behind each run that is alive. */
  alive: Map<string, { by: string; until: number }>;
  /** All keys of runs, alive or not. */
  keys: { key: string; run: string }[];
  locks: { key: string; template: string; generation: number; run: string }[];
}

export function aliveKey(run: string, beat: number): string {
  return `${alivePrefix}${run}:${beat}`;
}

export function aliveValue(by: string, now: number): string {
  return JSON.stringify({ until: new Date(now + leaseMs).toISOString(), by });
}

export function lockKey(template: string, generation: number): string {
  return `${lockPrefix}${template}:${generation}`;
}

export function readLeases(otherConfig: Readonly<Record<string, string>>, now: number): Leases {
  const leases: Leases = { now, alive: new Map(), keys: [], locks: [] };
  for (const [key, value] of Object.entries(otherConfig)) {
    const beat = /^gabarit:alive:([^:]+):\d+$/.exec(key);
    const lock = /^gabarit:lock:(.+):(\d+)$/.exec(key);
    if (beat?.[1] !== undefined) {
      leases.keys.push({ key, run: beat[1] });
      const { until, by } = readBeat(value);
      const known = leases.alive.get(beat[1]);
      if (until > now && until > (known?.until ?? 0)) leases.alive.set(beat[1], { by, until });
    }
    if (lock?.[1] !== undefined) {
      leases.keys.push({ key, run: value });
      leases.locks.push({ key, template: lock[1], generation: Number(lock[2]), run: value });
    }
  }
  return leases;
}

/** What cannot be read is as good as expired. */
function readBeat(value: string): { until: number; by: string } {
  try {
    const { until, by } = JSON.parse(value) as { until?: unknown; by?: unknown };
    const time = Date.parse(String(until));
    return { until: Number.isNaN(time) ? 0 : time, by: typeof by === 'string' ? by : 'somebody' };
  } catch {
    return { until: 0, by: 'somebody' };
  }
}
