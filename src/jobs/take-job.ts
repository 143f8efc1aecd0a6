import type { Job, JobError, JobProgress, JobResult } from '../model/job.ts';
import { AppError } from '../util/errors.ts';
import type { Database, Queryable } from './database.ts';
import { addEvents, type JobMilestone, tell } from './job-events.ts';
import { jobColumns, jobOf, type JobRow } from './job-rows.ts';

/**
 * The worker's side of the queue. A worker holds a job by its number and the attempt that it got with it. Every write is a
 * compare-and-set on both: who slept while another took over writes nothing any more.
 */
export interface Held {
  job: Job;
  attempt: number;
  /** The plan of an earlier attempt. */
  plan: unknown;
  /** The first step to do again. */
  retryFrom: string | undefined;
}

/** Any number, the same for all: claims come one after the other, so that limits and turns are counted right. */
const claimLock = 7_113_202;

/**
 * Takes the next job that fits: highest priority first, then whoever has fewest running, then whoever waited longest for a turn.
 * `full` are labels of which this worker can take no more. A retry that the clock put too far away is taken at once: it jumped.
 */
export async function takeJob(
  db: Database,
  worker: { id: string; labels: readonly string[]; full: readonly string[] },
): Promise<Held | undefined> {
  return db.transaction(async (tx) => {
    await tx.query(`SELECT pg_advisory_xact_lock(${claimLock})`);
    const [row] = await tx.query<JobRow & { plan: unknown; retry_from: string | null }>(
      `WITH running AS (SELECT labels, requested_by FROM jobs WHERE state = 'running'),
       full_labels AS (
         SELECT label FROM label_limits WHERE (SELECT count(*) FROM running WHERE label = ANY (running.labels)) >= most
       ),
       people AS (
         SELECT requested_by,
           (SELECT count(*) FROM running WHERE running.requested_by = waiting.requested_by) AS busy,
           (SELECT max(turn) FROM jobs WHERE jobs.requested_by = waiting.requested_by) AS last_turn
         FROM (SELECT DISTINCT requested_by FROM jobs WHERE state = 'queued') waiting
       )
       UPDATE jobs SET state = 'running', attempt = attempt + 1, worker = $1, started = clock_timestamp(), finished = NULL,
         progress = NULL, step = NULL, error = NULL, turn = (SELECT coalesce(max(turn), 0) + 1 FROM jobs)
       WHERE id = (
         SELECT id FROM jobs JOIN people USING (requested_by)
         WHERE state = 'queued' AND (not_before <= now() OR not_before > now() + interval '1 hour')
           AND labels <@ $2::text[] AND NOT labels && $3::text[]
           AND NOT EXISTS (SELECT 1 FROM full_labels WHERE label = ANY (jobs.labels))
           AND EXISTS (SELECT 1 FROM workers WHERE workers.id = $1 AND workers.state = 'up')
         ORDER BY priority DESC, busy, last_turn NULLS FIRST, number LIMIT 1
       )
       RETURNING ${jobColumns}, plan, retry_from`,
      [worker.id, [...worker.labels], [...worker.full]],
    );
    if (row === undefined) return undefined;
    await addEvents(tx, row.id, [{ type: 'job.started', worker: worker.id }]);
    return { job: jobOf(row), attempt: row.attempt, plan: row.plan ?? undefined, retryFrom: row.retry_from ?? undefined };
  });
}

const whileHeld = `id = $1 AND attempt = $2 AND state = 'running'`;

/** Whether this attempt may publish now: it still holds the job, and nobody cancelled it. @throws AppError FENCED */
export async function permitPublication(db: Queryable, { job, attempt }: Held): Promise<void> {
  const permitted = await db.query(`UPDATE jobs SET step = 'publish' WHERE ${whileHeld} AND NOT cancel_requested RETURNING id`, [
    job.id,
    attempt,
  ]);
  if (permitted.length === 0) {
    throw new AppError(
      'FENCED',
      `Attempt ${attempt} of job ${job.id} may not publish: another worker has the job, or it was cancelled`,
    );
  }
}

export async function setProgress(
  db: Queryable,
  { job, attempt }: Held,
  step: string | undefined,
  progress: JobProgress | undefined,
): Promise<void> {
  await db.query(`UPDATE jobs SET step = coalesce($3, step), progress = $4::jsonb WHERE ${whileHeld}`, [
    job.id,
    attempt,
    step ?? null,
    progress ? JSON.stringify(progress) : null,
  ]);
}

/**
 * Keeps the plan of a job for all its attempts. Returns the result of the last job that was made of the same plan, when the request asks
 * to do nothing then. @throws AppError FENCED
 */
export async function keepPlan(db: Database, { job, attempt }: Held, plan: { id: string }): Promise<JobResult | undefined> {
  return db.transaction(async ({ query }) => {
    const kept = await query(`UPDATE jobs SET plan = $3::jsonb, plan_id = $4 WHERE ${whileHeld} RETURNING id`, [
      job.id,
      attempt,
      JSON.stringify(plan),
      plan.id,
    ]);
    if (kept.length === 0) throw lost(job.id, attempt);
    const { request } = job;
    if (request.kind !== 'build' || !request.onlyIfChanged) return undefined;
    // What was published counts as the last only for a request that publishes.
    const [last] = await query<{ plan_id: string; result: JobResult }>(
      `SELECT plan_id, result FROM jobs WHERE state = 'done' AND request->>'kind' = 'build' AND request->>'template' = $1
         AND request->'publish' IS NOT DISTINCT FROM $2::jsonb AND request->'formats' IS NOT DISTINCT FROM $3::jsonb
       ORDER BY number DESC LIMIT 1`,
      [
        request.template,
        request.publish ? JSON.stringify(request.publish) : null,
        request.formats ? JSON.stringify(request.formats) : null,
      ],
    );
    return last?.plan_id === plan.id ? { ...last.result, outcome: 'unchanged' } : undefined;
  });
}

/** The version of a job's image: the same in every attempt, and no other job's. At least `suggested`. @throws AppError FENCED */
export async function claimVersion(db: Database, { job, attempt }: Held, template: string, suggested: string): Promise<string> {
  return db.transaction(async ({ query }) => {
    await query(`SELECT pg_advisory_xact_lock(${claimLock})`);
    const [row] = await query<{ version: string | null }>(`SELECT version FROM jobs WHERE ${whileHeld}`, [job.id, attempt]);
    if (row === undefined) throw lost(job.id, attempt);
    if (row.version !== null) return row.version;
    const [day = '', first = '1'] = suggested.split('.');
    const [newest] = await query<{ n: number | null }>(
      `SELECT max(split_part(version, '.', 2)::int) AS n FROM versions WHERE template = $1 AND version LIKE $2`,
      [template, `${day}.%`],
    );
    const version = `${day}.${Math.max(Number(first), (newest?.n ?? 0) + 1)}`;
    await query('INSERT INTO versions (template, version, job) VALUES ($1, $2, $3)', [template, version, job.id]);
    await query('UPDATE jobs SET version = $2 WHERE id = $1', [job.id, version]);
    return version;
  });
}

export type JobEnd =
  | { state: 'done'; result: JobResult }
  | { state: 'failed'; error: JobError }
  | { state: 'cancelled' }
  /** Queue it again: after a failure that may pass, or because the worker leaves. */
  | { state: 'queued'; afterMs: number; isFailure: boolean; why: JobMilestone };

/** Ends an attempt. Returns false when it does not hold the job any more. */
export async function endAttempt(db: Database, { job, attempt }: Held, end: JobEnd): Promise<boolean> {
  return db.transaction(async (tx) => {
    const ended = await tx.query(`SELECT id FROM jobs WHERE ${whileHeld} FOR UPDATE`, [job.id, attempt]);
    if (ended.length === 0) return false;
    if (end.state === 'queued') {
      await addEvents(tx, job.id, [end.why], attempt);
      await tx.query(
        `UPDATE jobs SET state = 'queued', worker = NULL, progress = NULL, failures = failures + $2,
           not_before = now() + $3 * interval '1 millisecond' WHERE id = $1`,
        [job.id, end.isFailure ? 1 : 0, end.afterMs],
      );
      await tell(tx, 'queued', job.id);
      return true;
    }
    const milestone: JobMilestone =
      end.state === 'failed'
        ? { type: 'job.failed', error: end.error }
        : end.state === 'done'
          ? { type: 'job.done', result: end.result }
          : { type: 'job.cancelled' };
    await addEvents(tx, job.id, [milestone], attempt);
    await tx.query(
      `UPDATE jobs SET state = $2, result = $3::jsonb, error = $4::jsonb, progress = NULL, retry_from = NULL, finished = now() WHERE id = $1`,
      [
        job.id,
        end.state,
        end.state === 'done' ? JSON.stringify(end.result) : null,
        end.state === 'failed' ? JSON.stringify(end.error) : null,
      ],
    );
    return true;
  });
}

function lost(job: string, attempt: number): AppError {
  return new AppError('FENCED', `Attempt ${attempt} does not hold job ${job} any more: another worker has it, or it has ended`);
}
