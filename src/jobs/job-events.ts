import type { JobEvent } from '../model/job.ts';
import type { Database, Queryable } from './database.ts';
import { type EventRow, eventOf } from './job-rows.ts';

/** Milestones of jobs: numbered without a gap under the lock of the job's row, so that they become visible in their order. */

/** What is told about a job: `job.*` of the queue, or an event of its run. */
export type JobMilestone = JobEvent['event'];

/** What is said on this channel: `queued:`, `event:` or `cancel:` and the id of a job. */
export const jobsChannel = 'gabarit_jobs';

export async function tell({ query }: Queryable, what: 'queued' | 'event' | 'cancel', job: string): Promise<void> {
  await query('SELECT pg_notify($1, $2)', [jobsChannel, `${what}:${job}`]);
}

/** Adds milestones to a job. With `attempt`, only when that attempt still holds it; returns whether it does. */
export async function addEvents(db: Queryable, job: string, events: readonly JobMilestone[], attempt?: number): Promise<boolean> {
  if (events.length === 0) return true;
  const held = attempt === undefined ? '' : `AND attempt = ${Math.trunc(attempt)} AND state = 'running'`;
  const added = await db.query(
    `WITH held AS (
       UPDATE jobs SET last_seq = last_seq + $2::int WHERE id = $1 ${held} RETURNING id, attempt, last_seq - $2::int AS before
     )
     INSERT INTO job_events (job, seq, attempt, event)
     SELECT held.id, held.before + item.n, held.attempt, item.value
     FROM held, jsonb_array_elements($3::jsonb) WITH ORDINALITY AS item (value, n)
     RETURNING seq`,
    [job, events.length, JSON.stringify(events)],
  );
  if (added.length > 0) await tell(db, 'event', job);
  return added.length > 0;
}

/** The milestones after number `after`, in their order. */
export async function readEvents(db: Queryable, job: string, after: number, limit = 1000): Promise<JobEvent[]> {
  const rows = await db.query<EventRow>(
    'SELECT job, seq, time, attempt, event FROM job_events WHERE job = $1 AND seq > $2 ORDER BY seq LIMIT $3',
    [job, after, limit],
  );
  return rows.map(eventOf);
}

/** How long a message that was missed may delay an event. */
const lookMs = 1000;

/**
 * All milestones of a job after number `after`, those to come too; ends when the job has ended, or with the signal. Whoever was cut off
 * goes on with the last number that he saw: nothing is missed and nothing comes twice.
 */
export async function* watchEvents(db: Database, job: string, after: number, signal: AbortSignal): AsyncGenerator<JobEvent> {
  let wake = (): void => undefined;
  const stop = await db.listen(jobsChannel, (payload) => {
    if (payload === `event:${job}`) wake();
  });
  const onAbort = (): void => wake();
  signal.addEventListener('abort', onAbort);
  try {
    for (let seen = after; !signal.aborted; ) {
      const news = new Promise<void>((resolve) => (wake = resolve));
      // The state is read first: what was added before the end is then read after it.
      const [row] = await db.query<{ state: string }>('SELECT state FROM jobs WHERE id = $1', [job]);
      const events = await readEvents(db, job, seen);
      for (const event of events) {
        if (signal.aborted) return;
        yield event;
        seen = event.seq;
      }
      if (events.length > 0) continue;
      if (row === undefined || !['queued', 'running'].includes(row.state)) return;
      let timer: NodeJS.Timeout | undefined;
      const looked = new Promise<void>((resolve) => (timer = setTimeout(resolve, lookMs)));
      await Promise.race([news, looked]);
      clearTimeout(timer);
    }
  } finally {
    signal.removeEventListener('abort', onAbort);
    await stop();
  }
}
