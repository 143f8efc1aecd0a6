import type { Job, JobEvent, JobFilter, Schedule, ScheduleStatus } from '../../model/job.ts';
import type { EmittedEvent } from '../../util/events.ts';

/** What commands do with jobs and schedules, wherever they lie: in a database that is opened here, or on a server that runs. */
export interface Queue {
  /** Newest first. */
  list(filter: JobFilter): Promise<Job[]>;
  /** @throws AppError NOT_FOUND */
  get(id: string): Promise<Job>;
  milestones(id: string): Promise<JobEvent[]>;
  /** A part of all that an attempt said: the last one, or the one that is named. */
  output(id: string, from: { attempt?: number; position: number }): Promise<OutputPart>;
  cancel(id: string): Promise<Job>;
  /** @throws AppError NOT_FOUND, CONFLICT */
  retry(id: string, from: string | undefined): Promise<Job>;
  schedules(): Promise<ScheduleStatus[]>;
  putSchedule(schedule: WantedSchedule): Promise<ScheduleStatus>;
  removeSchedule(id: string): Promise<void>;
  runSchedule(id: string): Promise<Job>;
}

export interface OutputPart {
  attempt: number;
  events: EmittedEvent[];
  /** Where the next part begins. */
  next: number;
  /** Nothing will follow in this attempt. */
  end: boolean;
}

/** Who asks for it is known by whoever keeps it. */
export type WantedSchedule = Omit<Schedule, 'requestedBy' | 'priority'>;
