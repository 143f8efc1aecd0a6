import { randomBytes } from 'node:crypto';
import { readFile, readlink } from 'node:fs/promises';
import { hostname } from 'node:os';
import type { Worker } from '../model/job.ts';
import type { Database, Queryable } from './database.ts';
import { addEvents, tell } from './job-events.ts';

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

/** Where the process number of a worker means something: this boot of this machine, in this container. */
export async function hostKey(): Promise<string> {
  const boot = (await readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => '')).trim();
  return `${hostname()} ${boot} ${await readlink('/proc/self/ns/pid').catch(() => '')}`;
}

export async function registerWorker(
  db: Queryable,
  { labels, concurrency, version }: Pick<Worker, 'labels' | 'concurrency' | 'version'>,
): Promise<string> {
  const id = `${hostname()}-${process.pid}-${randomBytes(3).toString('hex')}`;
  await db.query(
    `INSERT INTO workers (id, host, pid, labels, concurrency, version, state, host_key)
     VALUES ($1, $2, $3, $4::text[], $5, $6, 'up', $7)`,
    [id, hostname(), process.pid, labels, concurrency, version, await hostKey()],
  );
  return id;
}

/** Says that a worker lives. Returns undefined when others have declared it lost, else the jobs that it holds. */
export async function beat(
  db: Queryable,
  id: string,
): Promise<{ id: string; attempt: number; cancelRequested: boolean }[] | undefined> {
  const alive = await db.query(
    `UPDATE workers SET beat = beat + 1, seen = now() WHERE id = $1 AND state IN ('up', 'draining') RETURNING id`,
    [id],
  );
  if (alive.length === 0) return undefined;
  return db.query(`SELECT id, attempt, cancel_requested AS "cancelRequested" FROM jobs WHERE worker = $1 AND state = 'running'`, [
    id,
  ]);
}

export async function setWorkerState(db: Queryable, id: string, state: 'draining' | 'gone'): Promise<void> {
  await db.query(`UPDATE workers SET state = $2 WHERE id = $1 AND state IN ('up', 'draining')`, [id, state]);
}

/** A job whose workers die so often is likely to be what kills them. */
const mostRecoveries = 10;

/** Declares a worker lost and queues its jobs again, unless it gave a sign of life since `beatSeen`. */
export async function declareLost(db: Database, id: string, beatSeen?: string): Promise<boolean> {
  return db.transaction(async (tx) => {
    const lost = await tx.query(
      `UPDATE workers SET state = 'lost' WHERE id = $1 AND state IN ('up', 'draining') AND beat = coalesce($2::bigint, beat) RETURNING id`,
      [id, beatSeen ?? null],
    );
    if (lost.length === 0) return false;
    await requeueOf(tx, id);
    return true;
  });
}

async function requeueOf(tx: Queryable, worker: string): Promise<void> {
  const jobs = await tx.query<{ id: string; cancel_requested: boolean; recoveries: number }>(
    `SELECT id, cancel_requested, recoveries FROM jobs WHERE worker = $1 AND state = 'running' FOR UPDATE`,
    [worker],
  );
  for (const { id, cancel_requested: isCancelled, recoveries } of jobs) {
    const error = { code: 'WORKER_LOST', message: `The worker was lost ${recoveries + 1} times while it had this job` };
    if (isCancelled) {
      await addEvents(tx, id, [{ type: 'job.cancelled' }]);
      await tx.query(`UPDATE jobs SET state = 'cancelled', finished = now() WHERE id = $1`, [id]);
    } else if (recoveries >= mostRecoveries) {
      await addEvents(tx, id, [{ type: 'job.failed', error }]);
      await tx.query(`UPDATE jobs SET state = 'failed', finished = now(), error = $2::jsonb WHERE id = $1`, [
        id,
        JSON.stringify(error),
      ]);
    } else {
      await addEvents(tx, id, [{ type: 'job.recovered', worker }]);
      await tx.query(
        `UPDATE jobs SET state = 'queued', worker = NULL, progress = NULL, recoveries = recoveries + 1, not_before = now() WHERE id = $1`,
        [id],
      );
      await tell(tx, 'queued', id);
    }
  }
}

/** Declares all lost that are in the database. */
export async function declareAllLost(db: Database): Promise<void> {
  const rows = await db.query<{ id: string }>(`SELECT id FROM workers WHERE state IN ('up', 'draining')`);
  for (const { id } of rows) await declareLost(db, id);
}

/** Declares those lost whose process on this very host is gone. */
export async function declareDeadProcesses(db: Database): Promise<void> {
  const rows = await db.query<{ id: string; pid: number }>(
    `SELECT id, pid FROM workers WHERE host_key = $1 AND state IN ('up', 'draining')`,
    [await hostKey()],
  );
  for (const { id, pid } of rows) if (pid !== process.pid && !isAlive(pid)) await declareLost(db, id);
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

/**
 * Finds workers that give no sign of life for `leaseMs` by this process's own steady clock: it sees their counters stand still, and
 * trusts no other clock.
 */
export function openLifeWatch(db: Database, leaseMs: number): { look(own: string): Promise<void> } {
  const seen = new Map<string, { beat: string; since: number }>();
  return {
    async look(own) {
      const rows = await db.query<{ id: string; beat: string }>(
        `SELECT id, beat::text AS beat FROM workers WHERE state IN ('up', 'draining') AND id <> $1`,
        [own],
      );
      const now = performance.now();
      for (const id of seen.keys()) if (!rows.some((row) => row.id === id)) seen.delete(id);
      for (const { id, beat: current } of rows) {
        const before = seen.get(id);
        if (before?.beat !== current) seen.set(id, { beat: current, since: now });
        else if (now - before.since > leaseMs) await declareLost(db, id, current);
      }
    },
  };
}
