import type { Worker } from '../model/job.ts';
import type { Queryable } from './database.ts';

/** Who carries jobs out, and who still lives. */

interface WorkerRow extends Omit<Worker, 'started' | 'seen'> {
  started: Date;
  seen: Date;
}

/** Those that are up, and those that were seen within a day. */
export async function readWorkers(db: Queryable): Promise<Worker[]> {
  const rows = await db.query<WorkerRow>(
    `SELECT w.id, host, pid, w.labels, concurrency, version, w.state, w.started, seen,
       (SELECT count(*)::int FROM jobs j WHERE j.worker = w.id AND j.state = 'running') AS running
     FROM workers w WHERE w.state IN ('up', 'draining') OR seen > now() - interval '1 day' ORDER BY host, w.started`,
  );
  return rows.map((row) => ({ ...row, started: row.started.toISOString(), seen: row.seen.toISOString() }));
}
