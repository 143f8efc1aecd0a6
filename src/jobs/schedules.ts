import { Cron } from 'croner';
import { type Job, type Schedule, scheduleSchema, type ScheduleStatus } from '../model/job.ts';
import { AppError } from '../util/errors.ts';
import type { Database, Queryable } from './database.ts';
import { enqueue } from './queue.ts';

/** Jobs that are asked for by the clock. */
export interface Schedules {
  list(): Promise<ScheduleStatus[]>;
  /** @throws AppError NOT_FOUND */
  get(id: string): Promise<ScheduleStatus>;
  /** Makes a schedule, or changes the one of this name. @throws AppError USAGE */
  put(schedule: Schedule): Promise<ScheduleStatus>;
  /** @throws AppError NOT_FOUND */
  remove(id: string): Promise<void>;
  /** Queues its job now, and changes nothing of when it is due. */
  runNow(id: string, by: string): Promise<{ job: Job; isNew: boolean }>;
}

interface ScheduleRow extends Omit<Schedule, 'requestedBy'> {
  requested_by: string;
  next: Date | null;
  last: Date | null;
  last_job: string | null;
}

export function openSchedules(db: Database): Schedules {
  return {
    async list() {
      return (await db.query<ScheduleRow>('SELECT * FROM schedules ORDER BY id')).map(statusOf);
    },
    get: (id) => get(db, id),
    async put(given) {
      const schedule = scheduleSchema.parse(given);
      const next = nextRuns(schedule.cron, schedule.timezone, 1)[0] ?? null;
      await db.query(
        `INSERT INTO schedules (id, cron, timezone, request, requested_by, priority, labels, enabled, next)
         VALUES ($1, $2, $3, $4::jsonb, $5, $6, $7::text[], $8, $9)
         ON CONFLICT (id) DO UPDATE SET cron = excluded.cron, timezone = excluded.timezone, request = excluded.request,
           requested_by = excluded.requested_by, priority = excluded.priority, labels = excluded.labels,
           enabled = excluded.enabled, next = excluded.next`,
        [
          schedule.id,
          schedule.cron,
          schedule.timezone,
          JSON.stringify(schedule.request),
          schedule.requestedBy,
          schedule.priority,
          schedule.labels,
          schedule.enabled,
          next,
        ],
      );
      return get(db, schedule.id);
    },
    async remove(id) {
      const removed = await db.query('DELETE FROM schedules WHERE id = $1 RETURNING id', [id]);
      if (removed.length === 0) throw notThere(id);
    },
    async runNow(id, by) {
      const { request, priority, labels } = await get(db, id);
      return db.transaction(async (tx) => {
        const asked = await enqueue(tx, request, { requestedBy: by, priority, labels, schedule: id });
        await tx.query('UPDATE schedules SET last_job = $2 WHERE id = $1', [id, asked.job.id]);
        return asked;
      });
    },
  };
}

async function get(db: Queryable, id: string): Promise<ScheduleStatus> {
  const [row] = await db.query<ScheduleRow>('SELECT * FROM schedules WHERE id = $1', [id]);
  if (row === undefined) throw notThere(id);
  return statusOf(row);
}

function statusOf({ requested_by: requestedBy, next, last, last_job: lastJob, ...row }: ScheduleRow): ScheduleStatus {
  return {
    ...row,
    requestedBy,
    ...(next && row.enabled ? { next: next.toISOString() } : {}),
    ...(last ? { last: last.toISOString() } : {}),
    ...(lastJob ? { lastJob } : {}),
  };
}

function notThere(id: string): AppError {
  return new AppError('NOT_FOUND', `There is no schedule ${id}`, { hint: 'gabarit schedules ls lists them.' });
}

/** The next times at which an expression is due, after a moment. @throws AppError USAGE */
export function nextRuns(cron: string, timezone: string, count: number, after = new Date()): Date[] {
  try {
    return new Cron(cron, { timezone, mode: '5-part', paused: true }).nextRuns(count, after);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new AppError('USAGE', `"${cron}" in ${timezone} is no time of a schedule: ${reason}`, {
      cause,
      hint: 'Five fields: minute, hour, day, month, weekday. "30 2 * * *" is every night at half past two.',
    });
  }
}

/**
 * Queues the jobs of all schedules that are due, each once: however many times it was due while nobody looked, and however many look now.
 * A clock that went back by less than a period of the schedule makes it due no second time; one that comes back from far ahead does not
 * leave it waiting until then.
 */
export async function fireSchedules(db: Database, now?: Date): Promise<string[]> {
  const time = now ?? (await db.query<{ now: Date }>('SELECT now() AS now'))[0]?.now ?? new Date();
  const due = await db.query<{ id: string }>('SELECT id FROM schedules WHERE enabled AND (next <= $1 OR last > $1)', [time]);
  const fired: string[] = [];
  for (const { id } of due) {
    const job = await db.transaction((tx) => fire(tx, id, time));
    if (job !== undefined) fired.push(job);
  }
  return fired;
}

async function fire(tx: Queryable, id: string, now: Date): Promise<string | undefined> {
  const [row] = await tx.query<ScheduleRow>('SELECT * FROM schedules WHERE id = $1 AND enabled FOR UPDATE SKIP LOCKED', [id]);
  if (row === undefined) return undefined;
  const [next, second] = nextRuns(row.cron, row.timezone, 2, now);
  if (row.next === null || row.next > now) {
    // The clock was ahead when it was due last. If more than one time lies between, that was long ahead: those times are real.
    const wasFarAhead = row.last !== null && second !== undefined && second < row.last;
    if (wasFarAhead) await tx.query('UPDATE schedules SET next = $2, last = $3 WHERE id = $1', [id, next ?? null, now]);
    return undefined;
  }
  const { job } = await enqueue(tx, row.request, {
    requestedBy: row.requested_by,
    priority: row.priority,
    labels: row.labels,
    schedule: id,
  });
  await tx.query('UPDATE schedules SET next = $2, last = $3, last_job = $4 WHERE id = $1', [id, next ?? null, now, job.id]);
  return job.id;
}
