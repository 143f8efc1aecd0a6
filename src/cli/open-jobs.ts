import type { App } from '../app.ts';
import type { Database } from '../jobs/database.ts';
import { type Jobs, openJobs } from '../jobs/queue.ts';
import { openSchedules, type Schedules } from '../jobs/schedules.ts';

export interface OpenedJobs {
  db: Database;
  jobs: Jobs;
  schedules: Schedules;
  stateDir: string;
}

/** Opens the queue where it lies: in PostgreSQL, or in the state folder of this host while no server has it open. */
export async function withJobs<T>(app: App, work: (opened: OpenedJobs) => Promise<T>): Promise<T> {
  const db = await app.database();
  try {
    return await work({ db, jobs: openJobs(db), schedules: openSchedules(db), stateDir: app.config.stateDir });
  } finally {
    await db.close();
  }
}
