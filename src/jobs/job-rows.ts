import type { Job, JobError, JobEvent, JobProgress, JobRequest, JobResult, JobState } from '../model/job.ts';

/** How the database spells a job. */

export interface JobRow {
  id: string;
  request: JobRequest;
  state: JobState;
  requested_by: string;
  priority: number;
  labels: string[];
  timeout_minutes: number;
  schedule: string | null;
  attempt: number;
  failures: number;
  recoveries: number;
  worker: string | null;
  cancel_requested: boolean;
  cancelled_by: string | null;
  step: string | null;
  progress: JobProgress | null;
  plan_id: string | null;
  version: string | null;
  result: JobResult | null;
  error: JobError | null;
  created: Date;
  not_before: Date;
  started: Date | null;
  finished: Date | null;
}

/** All but the plan, which may be large. */
export const jobColumns = `id, request, state, requested_by, priority, labels, timeout_minutes, schedule, attempt, failures, recoveries, worker,
  cancel_requested, cancelled_by, step, progress, plan_id, version, result, error, created, not_before, started, finished`;

export function jobOf(row: JobRow): Job {
  const given = {
    schedule: row.schedule,
    worker: row.worker,
    cancelledBy: row.cancelled_by,
    step: row.step,
    progress: row.state === 'running' ? row.progress : null,
    plan: row.plan_id,
    version: row.version,
    result: row.result,
    error: row.error,
    notBefore: row.state === 'queued' && row.not_before > row.created ? row.not_before.toISOString() : null,
    started: row.started?.toISOString(),
    finished: row.finished?.toISOString(),
  };
  return {
    id: row.id,
    request: row.request,
    state: row.state,
    requestedBy: row.requested_by,
    priority: row.priority,
    labels: row.labels,
    timeoutMinutes: row.timeout_minutes,
    attempt: row.attempt,
    failures: row.failures,
    recoveries: row.recoveries,
    cancelRequested: row.cancel_requested,
    created: row.created.toISOString(),
    ...(Object.fromEntries(Object.entries(given).filter(([, value]) => value !== null && value !== undefined)) as Partial<Job>),
  };
}

export interface EventRow {
  job: string;
  seq: number | string;
  time: Date;
  attempt: number;
  event: JobEvent['event'];
}

export function eventOf({ job, seq, time, attempt, event }: EventRow): JobEvent {
  return { job, seq: Number(seq), time: time.toISOString(), attempt, event };
}
