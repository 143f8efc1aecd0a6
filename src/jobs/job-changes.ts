import type { Job } from '../model/job.ts';
import { AppError } from '../util/errors.ts';
import type { Database } from './database.ts';
import { jobColumns, jobOf, type JobRow } from './job-rows.ts';

/** Jobs that changed, as they are now, from a place in the stream of all changes on. */
export interface JobChanges {
  jobs: Job[];
  /** The place after them: what changes from now on comes after it. A job may come again, none is missed. */
  next: string;
  /** There is more at once. */
  isFull: boolean;
}

const most = 500;

/**
 * A place is a transaction below which all have ended. Numbers given in turn would not do: whoever got a lower one may commit later, and would
 * be missed. Without `after` it is the end. @throws AppError USAGE for a place that this database has not reached
 */
export async function readChanges(db: Database, after: string | undefined): Promise<JobChanges> {
  return db.transaction(async ({ query }) => {
    // The snapshot of the rows must not be older than the place: it is read in the same statement.
    const rows = await query<JobRow & { changed: string | null; place: string }>(
      `WITH here AS MATERIALIZED (SELECT pg_snapshot_xmin(pg_current_snapshot()) AS place)
       SELECT here.place::text AS place, found.* FROM here LEFT JOIN LATERAL (
         SELECT ${jobColumns}, changed::text AS changed FROM jobs WHERE changed >= $1::text::xid8
         ORDER BY jobs.changed FETCH FIRST ${most} ROWS WITH TIES
       ) found ON $1 IS NOT NULL`,
      [after ?? null],
    );
    const place = rows[0]?.place ?? '0';
    if (after !== undefined && BigInt(after) > BigInt(place)) throw unknownPlace();
    const jobs = rows.flatMap((row) => (row.changed === null ? [] : [jobOf(row)]));
    const last = rows.reduce((max, { changed }) => (BigInt(changed ?? 0) > max ? BigInt(changed ?? 0) : max), 0n);
    const isFull = jobs.length >= most && last < BigInt(place);
    return { jobs, next: isFull ? String(last + 1n) : place, isFull };
  });
}

export function unknownPlace(): AppError {
  return new AppError('USAGE', 'Last-Event-ID: is not one of this stream');
}
