import { randomBytes } from 'node:crypto';
import type { Job, JobEvent, JobFilter, JobOptions, JobRequest, Worker } from '../model/job.ts';
import { jobFilterSchema, jobOptionsSchema, jobRequestSchema, requestTitle } from '../model/job.ts';
import { digestOfJson } from '../util/digest.ts';
import { AppError } from '../util/errors.ts';
import type { Database, Queryable } from './database.ts';
import { addEvents, readEvents, tell, watchEvents } from './job-events.ts';
import { jobColumns, jobOf, type JobRow } from './job-rows.ts';
import { readWorkers } from './workers.ts';

/** What people and the API do with jobs. Workers have their own side of it (take-job.ts). */
export interface Jobs {
  /** Puts a request into the queue; the same request that is queued or running already is returned instead (`isNew: false`). */
  enqueue(request: JobRequest, options: JobOptions & { schedule?: string }): Promise<{ job: Job; isNew: boolean }>;
  /** Newest first. */
  list(filter?: JobFilter): Promise<Job[]>;
  /** How many jobs there are in each state. */
  count(): Promise<Record<Job['state'], number>>;
  /** @throws AppError NOT_FOUND */
  get(id: string): Promise<Job>;
  /** The plan that a job was or will be built by, once it is known. */
  plan(id: string): Promise<unknown>;
  /** Ends a job: at once when it waits, within 5 s when it runs. Does nothing when it has ended. @throws AppError NOT_FOUND */
  cancel(id: string, by: string): Promise<Job>;
  /**
   * Queues a job again that failed or was cancelled; finished steps are kept, those from `from` on are done again. `plan` as `from`
   * makes a new plan. @throws AppError NOT_FOUND, CONFLICT
   */
  retry(id: string, options: { by: string; from?: string }): Promise<Job>;
  events(id: string, after: number, limit?: number): Promise<JobEvent[]>;
  /** Events as they come, until the job has ended. */
  watch(id: string, after: number, signal: AbortSignal): AsyncGenerator<JobEvent>;
  workers(): Promise<Worker[]>;
  /** How many jobs with a label may run at once, over all hosts; undefined lifts the limit. */
  setLabelLimit(label: string, most: number | undefined): Promise<void>;
  labelLimits(): Promise<Record<string, number>>;
}

export function openJobs(db: Database): Jobs {
  return {
    enqueue: (request, options) => db.transaction((tx) => enqueue(tx, request, options)),
    list: (filter = {}) => list(db, filter),
    count: () => count(db),
    get: (id) => get(db, id),
    async plan(id) {
      const [row] = await db.query<{ plan: unknown }>('SELECT plan FROM jobs WHERE id = $1', [id]);
      return row?.plan ?? undefined;
    },
    cancel: (id, by) => db.transaction((tx) => cancel(tx, id, by)),
    retry: (id, options) => db.transaction((tx) => retry(tx, id, options)),
    events: (id, after, limit) => readEvents(db, id, after, limit),
    watch: (id, after, signal) => watchEvents(db, id, after, signal),
    workers: () => readWorkers(db),
    async setLabelLimit(label, most) {
      if (most === undefined) await db.query('DELETE FROM label_limits WHERE label = $1', [label]);
      else {
        await db.query(
          'INSERT INTO label_limits (label, most) VALUES ($1, $2) ON CONFLICT (label) DO UPDATE SET most = excluded.most',
          [label, most],
        );
      }
    },
    async labelLimits() {
      const rows = await db.query<{ label: string; most: number }>('SELECT label, most FROM label_limits ORDER BY label');
      return Object.fromEntries(rows.map(({ label, most }) => [label, most]));
    },
  };
}

/** Within a transaction of the caller: a schedule moves on and queues its job as one. */
export async function enqueue(
  tx: Queryable,
  asked: JobRequest,
  { schedule, ...given }: JobOptions & { schedule?: string },
): Promise<{ job: Job; isNew: boolean }> {
  const request = jobRequestSchema.parse(asked);
  const options = jobOptionsSchema.parse(given);
  const plan = request.kind === 'build' ? request.plan : undefined;
  const dedupe = digestOfJson({ ...request, ...(plan ? { plan: plan.id } : {}) });
  const id = randomBytes(6).toString('hex');
  for (;;) {
    const [row] = await tx.query<JobRow>(
      `INSERT INTO jobs (id, request, dedupe, requested_by, priority, labels, timeout_minutes, schedule, plan, plan_id)
       VALUES ($1, $2::jsonb, $3, $4, $5, $6::text[], $7, $8, $9::jsonb, $10)
       ON CONFLICT (dedupe) WHERE state IN ('queued', 'running') DO NOTHING RETURNING ${jobColumns}`,
      [
        id,
        JSON.stringify(plan ? { ...request, plan: { id: plan.id } } : request),
        dedupe,
        options.requestedBy,
        options.priority,
        [...new Set(options.labels)],
        options.timeoutMinutes,
        schedule ?? null,
        plan ? JSON.stringify(plan) : null,
        plan?.id ?? null,
      ],
    );
    if (row) {
      await addEvents(tx, id, [{ type: 'job.queued', by: options.requestedBy, title: requestTitle(request) }]);
      await tell(tx, 'queued', id);
      return { job: jobOf(row), isNew: true };
    }
    const [same] = await tx.query<JobRow>(`SELECT ${jobColumns} FROM jobs WHERE dedupe = $1 AND state IN ('queued', 'running')`, [
      dedupe,
    ]);
    // It may have ended between the two statements: then there is room.
    if (same) return { job: jobOf(same), isNew: false };
  }
}

async function list(db: Queryable, given: JobFilter): Promise<Job[]> {
  const filter = jobFilterSchema.parse(given);
  const conditions: string[] = [];
  const values: unknown[] = [];
  const add = (sql: (place: string) => string, value: unknown): void => {
    if (value === undefined) return;
    values.push(value);
    conditions.push(sql(`$${values.length}`));
  };
  add((at) => `state = ANY (${at}::text[])`, filter.states);
  add((at) => `request->>'kind' = ${at}`, filter.kind);
  add((at) => `request->>'template' = ${at}`, filter.template);
  add((at) => `requested_by = ${at}`, filter.requestedBy);
  add((at) => `schedule = ${at}`, filter.schedule);
  add((at) => `number < (SELECT number FROM jobs WHERE id = ${at})`, filter.before);
  const where = conditions.length > 0 ? `WHERE ${conditions.join(' AND ')}` : '';
  const rows = await db.query<JobRow>(
    `SELECT ${jobColumns} FROM jobs ${where} ORDER BY number DESC LIMIT ${filter.limit}`,
    values,
  );
  return rows.map(jobOf);
}

async function count(db: Queryable): Promise<Record<Job['state'], number>> {
  const rows = await db.query<{ state: Job['state']; n: number }>('SELECT state, count(*)::int AS n FROM jobs GROUP BY state');
  return {
    queued: 0,
    running: 0,
    done: 0,
    failed: 0,
    cancelled: 0,
    ...Object.fromEntries(rows.map(({ state, n }) => [state, n])),
  };
}

async function get(db: Queryable, id: string, lock = ''): Promise<Job> {
  const [row] = await db.query<JobRow>(`SELECT ${jobColumns} FROM jobs WHERE id = $1 ${lock}`, [id]);
  if (!row) throw new AppError('NOT_FOUND', `There is no job ${id}`, { hint: 'gabarit jobs ls lists them.' });
  return jobOf(row);
}

async function cancel(tx: Queryable, id: string, by: string): Promise<Job> {
  const job = await get(tx, id, 'FOR UPDATE');
  if (job.state === 'queued') {
    await tx.query(
      `UPDATE jobs SET state = 'cancelled', cancel_requested = true, cancelled_by = $2, finished = now() WHERE id = $1`,
      [id, by],
    );
    await addEvents(tx, id, [{ type: 'job.cancelled', by }]);
  } else if (job.state === 'running' && !job.cancelRequested) {
    await tx.query('UPDATE jobs SET cancel_requested = true, cancelled_by = $2 WHERE id = $1', [id, by]);
    await addEvents(tx, id, [{ type: 'job.cancelling', by }]);
    await tell(tx, 'cancel', id);
  }
  return get(tx, id);
}

async function retry(tx: Queryable, id: string, { by, from }: { by: string; from?: string }): Promise<Job> {
  const job = await get(tx, id, 'FOR UPDATE');
  if (job.state !== 'failed' && job.state !== 'cancelled') {
    throw new AppError('CONFLICT', `Job ${id} is ${job.state}: only what failed or was cancelled is tried again`);
  }
  const [twin] = await tx.query<{ id: string }>(
    `SELECT other.id FROM jobs other JOIN jobs mine USING (dedupe) WHERE mine.id = $1 AND other.state IN ('queued', 'running')`,
    [id],
  );
  if (twin) throw new AppError('CONFLICT', `The same was asked for again meanwhile: job ${twin.id}`);
  const forgetPlan = from === 'plan' ? `, plan_id = request->'plan'->>'id', plan = CASE WHEN request ? 'plan' THEN plan END` : '';
  await tx.query(
    `UPDATE jobs SET state = 'queued', cancel_requested = false, cancelled_by = NULL, failures = 0, recoveries = 0, error = NULL,
       result = NULL, progress = NULL, step = NULL, worker = NULL, finished = NULL, not_before = now(), retry_from = $2 ${forgetPlan}
     WHERE id = $1`,
    [id, from ?? null],
  );
  await addEvents(tx, id, [{ type: 'job.queued', by, ...(from === undefined ? {} : { from }) }]);
  await tell(tx, 'queued', id);
  return get(tx, id);
}
