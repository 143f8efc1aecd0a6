import { z } from 'zod';

/** A job is a queued run: what is asked, by whom, and how far it is. One row of the database, and one value of the API. */

const name = z.string().min(1).max(200);
const label = z.string().regex(/^[a-z0-9][a-z0-9._-]{0,62}$/, 'must be lower-case letters, digits, ".", "_" and "-"');
const channel = z.string().regex(/^[a-z][a-z0-9-]{0,31}$/, 'must be the name of a channel');

const publication = z.strictObject({
  store: name.describe('The URL of a store, or its name in the configuration of the worker'),
  channel: channel.optional().describe('Let this channel point at the image, too'),
});

/** What can be asked for. The names of templates, stores and targets are those of the worker's configuration. */
export const jobRequestSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('build'),
    template: name.describe('The name of a template, or the path of a definition on the worker'),
    plan: z.looseObject({ id: z.string() }).optional().describe('Build exactly this plan instead of making one'),
    formats: z.array(name).min(1).optional().describe('Instead of those of the template'),
    force: z.boolean().optional().describe('Do finished steps again'),
    verify: z.boolean().optional().describe('Boot it afterwards'),
    offline: z.boolean().optional().describe('Use only what the cache of the worker holds'),
    onlyIfChanged: z.boolean().optional().describe('Do nothing when the last image was made of the same plan'),
    publish: publication.optional().describe('Publish it when it has passed its checks'),
  }),
  z.strictObject({
    kind: z.literal('publish'),
    folder: name.describe('The output folder of a build, on the worker'),
    ...publication.shape,
  }),
  z.strictObject({
    kind: z.literal('verify'),
    folder: name.describe('The output folder of a build, on the worker'),
    boot: z.boolean().optional(),
  }),
  z.strictObject({
    kind: z.literal('recheck'),
    image: name.describe('A reference into the catalog: debian-12@stable'),
    store: name,
  }),
  z.strictObject({
    kind: z.literal('deploy'),
    image: name.describe('A reference into the catalog: debian-12@stable'),
    store: name,
    targets: z.array(name).min(1),
  }),
  z.strictObject({
    kind: z.literal('retention'),
    store: name,
    template: name.optional(),
    keepLast: z.int().min(1).optional().describe('The newest ones of each template'),
    keepDays: z.int().min(1).optional().describe('Those that were published within so many days'),
  }),
]);
export type JobRequest = z.infer<typeof jobRequestSchema>;

/** Who asks, and how it shall be carried out; none of it makes two requests different. */
export const jobOptionsSchema = z.strictObject({
  requestedBy: name.describe('Jobs of different people take turns'),
  priority: z.int().min(-100).max(100).default(0).describe('The higher the earlier'),
  labels: z.array(label).max(20).default([]).describe('Only a worker that has all of these takes it'),
  timeoutMinutes: z
    .int()
    .min(1)
    .max(7 * 24 * 60)
    .default(240)
    .describe('Of one attempt'),
});
export type JobOptions = z.input<typeof jobOptionsSchema>;

export const jobStateSchema = z.enum(['queued', 'running', 'done', 'failed', 'cancelled']);
export type JobState = z.infer<typeof jobStateSchema>;
/** States that a job leaves only by a retry. */
export const endStates: readonly JobState[] = ['done', 'failed', 'cancelled'];

export const jobErrorSchema = z.looseObject({
  code: z.string(),
  message: z.string(),
  hint: z.string().optional(),
  faults: z.array(z.looseObject({ message: z.string() })).optional(),
});
export type JobError = z.infer<typeof jobErrorSchema>;

/** What came of it. */
export const jobResultSchema = z.looseObject({
  outcome: z.enum(['done', 'unchanged']),
  version: z.string().optional(),
  output: z.string().optional().describe('The output folder on the worker'),
  published: z.looseObject({ template: z.string(), version: z.string(), digest: z.string() }).optional(),
});
export type JobResult = z.infer<typeof jobResultSchema>;

export const jobProgressSchema = z.looseObject({
  step: z.string(),
  done: z.number(),
  total: z.number().optional(),
  unit: z.string(),
  note: z.string().optional(),
});
export type JobProgress = z.infer<typeof jobProgressSchema>;

export const jobSchema = z.strictObject({
  id: z.string(),
  request: jobRequestSchema,
  state: jobStateSchema,
  requestedBy: z.string(),
  priority: z.int(),
  labels: z.array(z.string()),
  timeoutMinutes: z.int(),
  schedule: z.string().optional().describe('The schedule that asked for it'),
  attempt: z.int().min(0).describe('Rises whenever a worker takes it: the fencing token'),
  failures: z.int().min(0).describe('Attempts in a row that failed in a way that may pass'),
  recoveries: z.int().min(0).describe('How often its worker was lost'),
  worker: z.string().optional().describe('Who carries it out, or did last'),
  cancelRequested: z.boolean(),
  cancelledBy: z.string().optional(),
  step: z.string().optional().describe('The step that runs, or ran last'),
  progress: jobProgressSchema.optional(),
  plan: z.string().optional().describe('The id of its plan'),
  version: z.string().optional().describe('The version that its image gets, whoever builds it'),
  result: jobResultSchema.optional(),
  error: jobErrorSchema.optional(),
  created: z.iso.datetime(),
  notBefore: z.iso.datetime().optional().describe('When the next attempt may begin'),
  started: z.iso.datetime().optional().describe('The last attempt'),
  finished: z.iso.datetime().optional(),
});
export type Job = z.infer<typeof jobSchema>;

/** A milestone of a job. `seq` counts from 1 without a gap: who has seen up to n asks for what comes after n. */
export const jobEventSchema = z.strictObject({
  job: z.string(),
  seq: z.int().min(1),
  time: z.iso.datetime(),
  attempt: z.int().min(0),
  event: z.looseObject({ type: z.string() }).describe('`job.*` of the queue, or an event of the run'),
});
export type JobEvent = z.infer<typeof jobEventSchema>;

export const jobFilterSchema = z.strictObject({
  states: z.array(jobStateSchema).optional(),
  kind: z.string().optional(),
  template: z.string().optional(),
  requestedBy: z.string().optional(),
  schedule: z.string().optional(),
  /** Jobs that were asked for before this one: the id of the last of a page. */
  before: z.string().optional(),
  limit: z.int().min(1).max(500).default(50),
});
export type JobFilter = z.input<typeof jobFilterSchema>;

export const workerSchema = z.strictObject({
  id: z.string(),
  host: z.string(),
  pid: z.int(),
  labels: z.array(z.string()),
  concurrency: z.int().min(0),
  version: z.string().describe('Of Gabarit'),
  state: z.enum(['up', 'draining', 'lost', 'gone']),
  started: z.iso.datetime(),
  seen: z.iso.datetime(),
  running: z.int().min(0),
});
export type Worker = z.infer<typeof workerSchema>;

export const scheduleSchema = z.strictObject({
  id: z.string().regex(/^[a-z0-9][a-z0-9._-]{0,62}$/),
  cron: z.string().describe('Five fields: minute, hour, day, month, weekday'),
  timezone: z.string().default('UTC'),
  request: jobRequestSchema,
  requestedBy: z.string(),
  priority: z.int().min(-100).max(100).default(0),
  labels: z.array(label).default([]),
  enabled: z.boolean().default(true),
});
export type Schedule = z.infer<typeof scheduleSchema>;

/** A schedule, and what came of it. */
export const scheduleStatusSchema = scheduleSchema.extend({
  next: z.iso.datetime().optional(),
  last: z.iso.datetime().optional().describe('When it was due last'),
  lastJob: z.string().optional().describe('The job that it or somebody asked for last'),
});
export type ScheduleStatus = z.infer<typeof scheduleStatusSchema>;

/** A request in a few words: `build debian-12`. */
export function requestTitle(request: JobRequest): string {
  const about = {
    build: ({ template }: RequestOf<'build'>) => template,
    publish: ({ folder, store }: RequestOf<'publish'>) => `${folder} to ${store}`,
    verify: ({ folder }: RequestOf<'verify'>) => folder,
    recheck: ({ image }: RequestOf<'recheck'>) => image,
    deploy: ({ image, targets }: RequestOf<'deploy'>) => `${image} to ${targets.join(', ')}`,
    retention: ({ template, store }: RequestOf<'retention'>) => `${template ?? 'all templates'} in ${store}`,
  };
  return `${request.kind} ${(about[request.kind] as (request: JobRequest) => string)(request)}`;
}

type RequestOf<K extends JobRequest['kind']> = Extract<JobRequest, { kind: K }>;
