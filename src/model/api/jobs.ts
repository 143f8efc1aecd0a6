import { z } from 'zod';
import { type jobEventSchema, jobSchema, jobStateSchema, scheduleSchema, scheduleStatusSchema, workerSchema } from '../job.ts';
import { channelNameSchema, type Contract, idSchema, nameSchema, pageOf, pageQuery } from './contract-type.ts';

const states = jobStateSchema.options.join('|');

const imageReference = z
  .string()
  .regex(/^[a-z0-9][a-z0-9._-]{0,62}(@[a-z0-9][a-z0-9.:-]{0,80})?$/, 'must be a reference such as debian-12@stable')
  .describe('`debian-12@stable`');

/** What can be asked for over the network: names of this server's templates, stores and targets, never paths. */
export const apiJobRequestSchema = z
  .discriminatedUnion('kind', [
    z.strictObject({
      kind: z.literal('build'),
      template: nameSchema,
      formats: z.array(nameSchema).min(1).max(16).optional().describe('Instead of those of the template'),
      force: z.boolean().optional().describe('Do finished steps again'),
      verify: z.boolean().optional().describe('Boot it afterwards'),
      offline: z.boolean().optional().describe('Use only what the cache of the worker holds'),
      onlyIfChanged: z.boolean().optional().describe('Do nothing when the last image was made of the same plan'),
      publish: z
        .strictObject({
          store: nameSchema.optional().describe('The first store of the server by default'),
          channel: channelNameSchema.optional().describe('Let this channel point at the image, too'),
        })
        .optional()
        .describe('Publish it when it has passed its checks'),
    }),
    z.strictObject({ kind: z.literal('recheck'), image: imageReference, store: nameSchema.optional() }),
    z.strictObject({
      kind: z.literal('deploy'),
      image: imageReference,
      store: nameSchema.optional(),
      targets: z.array(nameSchema).min(1).max(50),
    }),
    z.strictObject({
      kind: z.literal('retention'),
      store: nameSchema.optional(),
      template: nameSchema.optional(),
      keepLast: z.int().min(1).max(10_000).optional().describe('The newest ones of each template'),
      keepDays: z.int().min(1).max(36_500).optional().describe('Those that were published within so many days'),
    }),
  ])
  .meta({ id: 'JobRequest' });
export type ApiJobRequest = z.output<typeof apiJobRequestSchema>;

export const stepSchema = z
  .object({
    step: z.string(),
    title: z.string(),
    state: z.enum(['running', 'done', 'reused', 'failed']),
    started: z.string().optional(),
    durationMs: z.number().optional(),
    note: z.string().optional(),
    message: z.string().optional().describe('Why it failed'),
  })
  .meta({ id: 'Step' });
export type ApiStep = z.infer<typeof stepSchema>;

/** Without the whole plan. */
export const apiJobSchema = z.object({ ...jobSchema.shape, title: z.string().describe('`build debian-12`') }).meta({ id: 'Job' });
export type ApiJob = z.infer<typeof apiJobSchema>;
export const jobDetailSchema = z
  .object({ ...apiJobSchema.shape, steps: z.array(stepSchema).describe('Of the last attempt') })
  .meta({ id: 'JobDetail' });
export type ApiJobDetail = z.infer<typeof jobDetailSchema>;

/** What an event stream carries: `id:` is `seq`. */
export type ApiJobEvent = z.infer<typeof jobEventSchema>;

export const logLineSchema = z
  .object({
    time: z.string().describe('Empty for a line that nobody stamped'),
    type: z.string().describe('Of the event: `log`, `step.started`, `verdict` …'),
    level: z.enum(['debug', 'info', 'warn', 'error']),
    step: z.string().optional(),
    source: z.string().optional(),
    message: z.string(),
  })
  .meta({ id: 'LogLine' });
export type ApiLogLine = z.infer<typeof logLineSchema>;

export const apiWorkerSchema = z.object(workerSchema.shape).meta({ id: 'Worker' });
export const apiScheduleSchema = z.object(scheduleStatusSchema.shape).meta({ id: 'Schedule' });

const job = z.object({ job: idSchema });
const schedule = z.object({ schedule: nameSchema });
const machine = job.extend({ machine: nameSchema });

export const jobsContract = {
  'GET /jobs': {
    id: 'listJobs',
    tag: 'Jobs',
    title: 'Jobs, the newest first',
    needs: 'viewer',
    query: z.object({
      ...pageQuery,
      state: z
        .string()
        .regex(new RegExp(`^(${states})(,(${states})){0,4}$`), 'must be states of jobs, with commas between')
        .optional()
        .describe('One or several, with commas between: `queued,running`'),
      kind: z.enum(['build', 'publish', 'verify', 'recheck', 'deploy', 'retention']).optional(),
      template: nameSchema.optional(),
      requestedBy: nameSchema.optional(),
      schedule: nameSchema.optional(),
    }),
    answer: pageOf(apiJobSchema),
  },
  'POST /jobs': {
    id: 'createJob',
    tag: 'Jobs',
    title: 'Put a job into the queue; the same request that waits or runs already is that job',
    needs: 'builder',
    body: z.object({
      request: apiJobRequestSchema,
      priority: z.int().min(-10).max(10).default(0).describe('The higher the earlier; above 0 for publishers'),
      labels: z.array(nameSchema).max(20).default([]).describe('Only a worker that has all of these takes it'),
    }),
    answer: z.object({ ...apiJobSchema.shape, isNew: z.boolean().describe('Whether it was put into the queue by this request') }),
    status: 201,
    idempotent: true,
  },
  'GET /jobs/:job': {
    id: 'getJob',
    tag: 'Jobs',
    title: 'One job with its steps',
    needs: 'viewer',
    params: job,
    answer: jobDetailSchema,
  },
  'GET /jobs/:job/plan': {
    id: 'getJobPlan',
    tag: 'Jobs',
    title: 'The plan that it was or will be built by, once it is known',
    needs: 'viewer',
    params: job,
    answer: z.looseObject({}),
  },
  'POST /jobs/:job/cancel': {
    id: 'cancelJob',
    tag: 'Jobs',
    title: 'Stop it; finished steps are kept',
    needs: 'builder',
    params: job,
    answer: apiJobSchema,
  },
  'POST /jobs/:job/retry': {
    id: 'retryJob',
    tag: 'Jobs',
    title: 'Queue it again after it failed or was cancelled; finished steps are kept, those from `from` on are done again',
    needs: 'builder',
    params: job,
    body: z.object({ from: nameSchema.optional().describe('A step; `plan` makes a new plan') }),
    answer: apiJobSchema,
    idempotent: true,
  },
  'GET /jobs/:job/log': {
    id: 'readLog',
    tag: 'Jobs',
    title: 'Lines of its log, by range and search',
    needs: 'viewer',
    params: job,
    query: z.object({
      attempt: z.coerce.number().int().min(1).optional().describe('The last one by default'),
      position: z.coerce
        .number()
        .int()
        .min(0)
        .max(2 ** 40)
        .default(0)
        .describe('`next` of the part before'),
      limit: z.coerce.number().int().min(1).max(5000).default(1000),
      search: z.string().max(200).optional().describe('A text, whatever its case'),
      level: z.enum(['debug', 'info', 'warn', 'error']).optional().describe('At least'),
    }),
    answer: z.object({
      attempt: z.int(),
      lines: z.array(logLineSchema),
      next: z.int().describe('`position` of what comes after'),
      end: z.boolean().describe('No more will come in this attempt'),
    }),
  },
  'GET /jobs/:job/output': {
    id: 'readOutput',
    tag: 'Jobs',
    title: 'All that it said, as the events that it said, from a byte on',
    needs: 'viewer',
    params: job,
    query: z.object({
      attempt: z.coerce.number().int().min(1).optional().describe('The last one by default'),
      position: z.coerce
        .number()
        .int()
        .min(0)
        .max(2 ** 40)
        .default(0)
        .describe('`next` of the part before'),
    }),
    answer: z.object({
      attempt: z.int(),
      events: z.array(z.looseObject({ type: z.string() })),
      next: z.int().describe('`position` of what comes after'),
      end: z.boolean().describe('No more will come in this attempt'),
    }),
  },
  'GET /jobs/:job/events': {
    id: 'followJob',
    tag: 'Jobs',
    title: 'Its milestones as they happen (SSE), after Last-Event-ID',
    needs: 'viewer',
    params: job,
    query: z.object({
      after: z.coerce.number().int().min(0).optional().describe('Instead of the header Last-Event-ID'),
      follow: z.enum(['true', 'false']).default('true').describe('`false`: only those that there are'),
    }),
    media: 'text/event-stream',
  },
  'GET /events': {
    id: 'followAll',
    tag: 'Jobs',
    title:
      'Jobs as they change (SSE), after Last-Event-ID: each event `job` is one as it is now; `place` carries the id to go on from',
    needs: 'viewer',
    media: 'text/event-stream',
  },
  'GET /jobs/:job/consoles': {
    id: 'listConsoles',
    tag: 'Jobs',
    title: 'Machines that are being tested now, on this host',
    needs: 'viewer',
    params: job,
    answer: z.array(z.object({ machine: z.string() })),
  },
  'GET /jobs/:job/consoles/:machine': {
    id: 'openConsole',
    tag: 'Jobs',
    title: 'The screen of a machine (WebSocket, RFB 3.8); `mode=control` also sends keys, for builders',
    needs: 'viewer',
    params: machine,
    query: z.object({ mode: z.enum(['view', 'control']).default('view') }),
    media: 'application/octet-stream',
    status: 101,
  },
  'GET /jobs/:job/consoles/:machine/screenshot': {
    id: 'screenshot',
    tag: 'Jobs',
    title: 'What is on the screen of a machine now (PNG)',
    needs: 'viewer',
    params: machine,
    media: 'image/png',
  },
  'GET /jobs/:job/pictures': {
    id: 'listPictures',
    tag: 'Jobs',
    title:
      'Pictures of the screens of its machines, the oldest first; kept on the host that ran it, each time that a screen changed',
    needs: 'viewer',
    params: job,
    answer: z.array(z.object({ name: z.string(), machine: z.string(), time: z.string() })),
  },
  'GET /jobs/:job/pictures/:picture': {
    id: 'readPicture',
    tag: 'Jobs',
    title: 'One of them (PNG)',
    needs: 'viewer',
    params: job.extend({ picture: nameSchema }),
    media: 'image/png',
  },
  'GET /schedules': {
    id: 'listSchedules',
    tag: 'Schedules',
    title: 'All schedules',
    needs: 'viewer',
    answer: z.array(apiScheduleSchema),
  },
  'PUT /schedules/:schedule': {
    id: 'writeSchedule',
    tag: 'Schedules',
    title: 'Make or change a schedule',
    needs: 'builder',
    params: schedule,
    body: z.object({
      cron: scheduleSchema.shape.cron.max(100),
      timezone: z.string().max(64).default('UTC'),
      request: apiJobRequestSchema,
      labels: z
        .array(nameSchema)
        .max(20)
        .optional()
        .describe('Only a worker that has all of these takes its jobs; as before by default'),
      enabled: z.boolean().default(true),
    }),
    answer: apiScheduleSchema,
  },
  'DELETE /schedules/:schedule': {
    id: 'deleteSchedule',
    tag: 'Schedules',
    title: 'Remove a schedule',
    needs: 'builder',
    params: schedule,
  },
  'POST /schedules/:schedule/run': {
    id: 'runSchedule',
    tag: 'Schedules',
    title: 'Ask for its job now',
    needs: 'builder',
    params: schedule,
    answer: apiJobSchema,
    status: 201,
  },
  'GET /workers': {
    id: 'listWorkers',
    tag: 'Workers',
    title: 'Workers, and what they are doing',
    needs: 'viewer',
    answer: z.array(apiWorkerSchema),
  },
} as const satisfies Contract;
