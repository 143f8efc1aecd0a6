import type { JobProgress } from '../model/job.ts';
import type { Database } from './database.ts';
import { addEvents, type JobMilestone } from './job-events.ts';
import { type Held, setProgress } from './take-job.ts';

/** What of the events of a run goes into the database: its milestones, each; its progress, the newest only; the rest is in the log. */

const milestoneTypes = new Set([
  'run.started',
  'run.finished',
  'step.started',
  'step.finished',
  'step.failed',
  'verdict',
  'probe',
]);

export function isMilestone(event: JobMilestone): boolean {
  return milestoneTypes.has(event.type) || (event.type === 'log' && ['warn', 'error'].includes(String(event['level'])));
}

export interface Milestones {
  add(event: JobMilestone): void;
  /** Writes what waits; gives up what cannot be written. */
  close(): Promise<void>;
}

const flushMs = 200;
/** Milestones of one attempt; a run that says more has gone astray. */
const mostMilestones = 20_000;

export function openMilestones(db: Database, held: Held): Milestones {
  let waiting: JobMilestone[] = [];
  let progress: JobProgress | undefined;
  let step: string | undefined;
  let isStale = false;
  let count = 0;
  let busy: Promise<void> | undefined;

  const flush = async (): Promise<void> => {
    const batch = waiting;
    waiting = [];
    try {
      await addEvents(db, held.job.id, batch, held.attempt);
    } catch {
      waiting = [...batch, ...waiting]; // The database is away: again with the next beat.
      return;
    }
    if (!isStale) return;
    isStale = false;
    await setProgress(db, held, step, progress).catch(() => (isStale = true));
  };
  const flushSoon = (): void => {
    if (waiting.length > 0 || isStale) busy ??= flush().finally(() => (busy = undefined));
  };
  const timer = setInterval(flushSoon, flushMs);

  return {
    add(event) {
      if (event.type === 'step.started') {
        step = String(event['step']);
        progress = undefined;
        isStale = true;
      }
      if (event.type === 'step.progress') {
        progress = event as unknown as JobProgress;
        isStale = true;
      }
      if (isMilestone(event) && (count += 1) <= mostMilestones) waiting.push(event);
    },
    async close() {
      clearInterval(timer);
      await busy;
      const isLeft = (): boolean => waiting.length > 0 || isStale;
      for (let attempts = 0; attempts < 3 && isLeft(); attempts += 1) await flush();
    },
  };
}
