import type { Database } from '../../jobs/database.ts';
import { readJobLog } from '../../jobs/job-log.ts';
import { openJobs } from '../../jobs/queue.ts';
import { openSchedules } from '../../jobs/schedules.ts';
import type { EmittedEvent } from '../../util/events.ts';
import { userName } from '../../util/user-name.ts';
import type { Queue } from './queue.ts';

/** The queue in a database that this process has open. */
export function queueInDatabase(db: Database, stateDir: string): Queue {
  const jobs = openJobs(db);
  const schedules = openSchedules(db);
  return {
    list: (filter) => jobs.list(filter),
    get: (id) => jobs.get(id),
    milestones: (id) => jobs.events(id, 0),
    async output(id, from) {
      const { attempt, lines, position, end } = await readJobLog({ db, stateDir }, id, from);
      return { attempt, events: lines.map((line) => JSON.parse(line) as EmittedEvent), next: position, end };
    },
    cancel: (id) => jobs.cancel(id, userName()),
    retry: (id, from) => jobs.retry(id, { by: userName(), ...(from === undefined ? {} : { from }) }),
    schedules: () => schedules.list(),
    putSchedule: (schedule) => schedules.put({ ...schedule, requestedBy: userName(), priority: 0 }),
    removeSchedule: (id) => schedules.remove(id),
    runSchedule: async (id) => (await schedules.runNow(id, userName())).job,
  };
}
