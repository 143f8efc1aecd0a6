import type { Job, JobError } from '../model/job.ts';

/**
 * How a worker talks with the process that carries a job out (`gabarit run-job`): one JSON a line. It gets the order by its standard input,
 * and says its events, its questions and in the end its result or error by its standard output. When its input ends, its worker is gone.
 */

export interface JobOrder {
  type: 'job';
  job: Job;
  attempt: number;
  /** The plan of an earlier attempt, or of the request. */
  plan: unknown;
  /** The first step that is to be done again. */
  retryFrom: string | undefined;
}

/** What only the queue can decide. */
export type JobQuestion = { type: 'ask'; number: number } & (
  | { ask: 'planned'; plan: { id: string } }
  | { ask: 'version'; template: string; suggested: string }
  | { ask: 'publish' }
);

export interface JobAnswer {
  type: 'answer';
  number: number;
  value?: unknown;
  error?: JobError;
}
