import { readChanges, unknownPlace } from '../../jobs/job-changes.ts';
import { jobsChannel } from '../../jobs/job-events.ts';
import { readJobLog } from '../../jobs/job-log.ts';
import { listPictures, readPicture } from '../../jobs/job-pictures.ts';
import { requestTitle, type Job, type JobEvent, type JobRequest, type JobState, type ScheduleStatus } from '../../model/job.ts';
import type { ApiJob, ApiJobRequest, jobsContract } from '../../model/api/jobs.ts';
import { AppError } from '../../util/errors.ts';
import { sendEvents, type StreamedEvent } from '../event-stream.ts';
import { readLogLines } from '../job-log-lines.ts';
import { stepsOf } from '../job-steps.ts';
import type { Parts } from '../parts.ts';
import type { Handlers } from '../route.ts';

type JobHandlers = Handlers<typeof jobsContract>;
/** How long a message that was missed may delay the feed of all jobs. */
const missedMs = 5000;
/** Milestones of one job come to no more than this. */
const mostEvents = 20_000;

export function jobRoutes(parts: Parts): JobHandlers {
  const { app, database, jobs, schedules, consoles } = parts;
  const place = { db: database, stateDir: app.config.stateDir };

  /** The names of a request as the worker knows them. */
  function requestOf(asked: ApiJobRequest): JobRequest {
    const store = (name: string | undefined): string => parts.storeNamed(name).reference;
    switch (asked.kind) {
      case 'build': {
        const { publish, ...rest } = asked;
        const { channel } = publish ?? {};
        return {
          ...rest,
          ...(publish ? { publish: { store: store(publish.store), ...(channel === undefined ? {} : { channel }) } } : {}),
        };
      }
      default:
        return { ...asked, store: store(asked.store) };
    }
  }

  /** The other way round: what a person asks for again is then understood. */
  function askedOf<R extends JobRequest>(request: R): R {
    const nameOf = (reference: string): string => parts.stores.find((store) => store.reference === reference)?.name ?? reference;
    if (request.kind === 'build')
      return request.publish ? { ...request, publish: { ...request.publish, store: nameOf(request.publish.store) } } : request;
    return 'store' in request && request.store !== undefined ? { ...request, store: nameOf(request.store) } : request;
  }

  const shown = (job: Job): ApiJob => ({ ...job, request: askedOf(job.request), title: requestTitle(job.request) });
  const shownSchedule = (schedule: ScheduleStatus): ScheduleStatus => ({ ...schedule, request: askedOf(schedule.request) });

  /** What somebody must be allowed to do to ask for it. */
  function mustAsk(
    must: (role: 'builder' | 'publisher' | 'admin', about?: { template?: string; channel?: string }) => void,
    asked: ApiJobRequest,
  ): void {
    switch (asked.kind) {
      case 'build': {
        const { template, publish } = asked;
        must('builder', { template });
        if (publish) must('publisher', { template, ...(publish.channel === undefined ? {} : { channel: publish.channel }) });
        break;
      }
      case 'deploy':
        must('publisher', { template: templateOf(asked.image) });
        break;
      case 'recheck':
        must('builder', { template: templateOf(asked.image) });
        break;
      case 'retention':
        must('admin', asked.template === undefined ? {} : { template: asked.template });
    }
  }

  /** A job that the caller may see. @throws AppError NOT_FOUND */
  async function visible(id: string, may: (role: 'viewer', about: { template?: string }) => boolean): Promise<Job> {
    const job = await jobs.get(id);
    if (may('viewer', aboutOf(job))) return job;
    throw new AppError('NOT_FOUND', `There is no job ${id}`);
  }

  async function* past(id: string, after: number): AsyncGenerator<JobEvent> {
    yield* await jobs.events(id, after, mostEvents);
  }

  return {
    async 'GET /jobs'({ query, may }) {
      const { cursor, limit, state, kind, template, requestedBy, schedule } = query;
      const found = await jobs.list({
        limit,
        ...(cursor === undefined ? {} : { before: cursor }),
        ...(state === undefined ? {} : { states: state.split(',') as JobState[] }),
        ...(kind === undefined ? {} : { kind }),
        ...(template === undefined ? {} : { template }),
        ...(requestedBy === undefined ? {} : { requestedBy }),
        ...(schedule === undefined ? {} : { schedule }),
      });
      const last = found.at(-1);
      return {
        items: found.filter((job) => may('viewer', aboutOf(job))).map(shown),
        ...(found.length === limit && last ? { next: last.id } : {}),
      };
    },
    async 'POST /jobs'({ body, caller, must, about }) {
      const { request, priority, labels } = body;
      mustAsk(must, request);
      if (priority > 0) must('publisher');
      if (request.kind === 'build') await app.definition(request.template);
      if (request.kind === 'deploy') for (const target of request.targets) mustBeTarget(target);
      const { job, isNew } = await jobs.enqueue(requestOf(request), { requestedBy: caller.name, priority, labels });
      about({ job: job.id, ...aboutOf(job) });
      return { ...shown(job), isNew };
    },
    async 'GET /jobs/:job'({ params, may }) {
      const job = await visible(params.job, may);
      return { ...shown(job), steps: stepsOf(await jobs.events(params.job, 0, mostEvents)) };
    },
    async 'GET /jobs/:job/plan'({ params, may }) {
      await visible(params.job, may);
      const plan = await jobs.plan(params.job);
      if (plan === undefined) throw new AppError('NOT_FOUND', `Job ${params.job} has no plan yet`);
      return plan as Record<string, unknown>;
    },
    async 'POST /jobs/:job/cancel'({ params, caller, must, may, about }) {
      const job = await visible(params.job, may);
      must('builder', aboutOf(job));
      about(aboutOf(job));
      return shown(await jobs.cancel(params.job, caller.name));
    },
    async 'POST /jobs/:job/retry'({ params, body, caller, must, may, about }) {
      const job = await visible(params.job, may);
      mustAsk(must, job.request as unknown as ApiJobRequest);
      about(aboutOf(job));
      return shown(await jobs.retry(params.job, { by: caller.name, ...(body.from === undefined ? {} : { from: body.from }) }));
    },
    async 'GET /jobs/:job/log'({ params, query, may }) {
      await visible(params.job, may);
      return readLogLines(place, params.job, query);
    },
    async 'GET /jobs/:job/output'({ params, query: { attempt, position }, may }) {
      await visible(params.job, may);
      const part = await readJobLog(place, params.job, { position, ...(attempt === undefined ? {} : { attempt }) });
      return { attempt: part.attempt, events: part.lines.flatMap(eventOfLine), next: part.position, end: part.end };
    },
    async 'GET /jobs/:job/events'({ params, query, may, raw, reply }) {
      await visible(params.job, may);
      const after = query.after ?? lastSeen(raw.headers['last-event-id']);
      const gone = new AbortController();
      const events = query.follow === 'true' ? jobs.watch(params.job, after, gone.signal) : past(params.job, after);
      await sendEvents(reply, eventsOf(events), gone);
      return undefined;
    },
    async 'GET /events'({ may, raw, reply }) {
      const seen = lastSeen(raw.headers['last-event-id']);
      const after = seen === 0 ? undefined : String(seen);
      // Refused before the stream begins.
      if (after !== undefined) await readChanges(database, after);
      const gone = new AbortController();
      await sendEvents(
        reply,
        changesOf(parts, after, gone.signal, (job) => (may('viewer', aboutOf(job)) ? shown(job) : undefined)),
        gone,
      );
      return undefined;
    },
    async 'GET /jobs/:job/consoles'({ params, may }) {
      await visible(params.job, may);
      return (await consoles.list(params.job)).map((machine) => ({ machine }));
    },
    'GET /jobs/:job/consoles/:machine': () => {
      throw new AppError('USAGE', 'This is a WebSocket', { details: { status: 426 } });
    },
    async 'GET /jobs/:job/consoles/:machine/screenshot'({ params, may, signal }) {
      await visible(params.job, may);
      return { body: await consoles.screenshot(params.job, params.machine, signal) };
    },
    async 'GET /jobs/:job/pictures'({ params, may }) {
      await visible(params.job, may);
      return listPictures(app.config.stateDir, params.job);
    },
    async 'GET /jobs/:job/pictures/:picture'({ params, may }) {
      await visible(params.job, may);
      return { body: await readPicture(app.config.stateDir, params.job, params.picture) };
    },
    'GET /schedules': async () => (await schedules.list()).map(shownSchedule),
    async 'PUT /schedules/:schedule'({ params, body, caller, must }) {
      mustAsk(must, body.request);
      const before = (await schedules.list()).find(({ id }) => id === params.schedule);
      if (before) mustAsk(must, before.request as unknown as ApiJobRequest);
      const { cron, timezone, enabled, labels } = body;
      const put = await schedules.put({
        id: params.schedule,
        cron,
        timezone,
        enabled,
        request: requestOf(body.request),
        requestedBy: caller.name,
        priority: before?.priority ?? 0,
        labels: labels ?? before?.labels ?? [],
      });
      return shownSchedule(put);
    },
    async 'DELETE /schedules/:schedule'({ params, must }) {
      mustAsk(must, (await schedules.get(params.schedule)).request as unknown as ApiJobRequest);
      await schedules.remove(params.schedule);
    },
    async 'POST /schedules/:schedule/run'({ params, caller, must, about }) {
      mustAsk(must, (await schedules.get(params.schedule)).request as unknown as ApiJobRequest);
      const { job } = await schedules.runNow(params.schedule, caller.name);
      about({ job: job.id });
      return shown(job);
    },
    'GET /workers': () => jobs.workers(),
  };

  function mustBeTarget(name: string): void {
    if (Object.hasOwn(app.config.targets, name)) return;
    throw new AppError('NOT_FOUND', `There is no target ${name}`, { hint: 'Targets are named in gabarit.yaml.' });
  }
}

/** The template that a job is about. */
export function aboutOf({ request }: Job): { template?: string } {
  if ('template' in request && request.template !== undefined) return { template: request.template };
  return 'image' in request ? { template: templateOf(request.image) } : {};
}

function templateOf(image: string): string {
  return image.split('@')[0] ?? image;
}

function lastSeen(header: string | string[] | undefined): number {
  const text = Array.isArray(header) ? header[0] : header;
  if (text === undefined || text === '') return 0;
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw unknownPlace();
}

/** A line of a log that is no event, since it was cut off or is too long, is left out. */
function eventOfLine(line: string): { type: string }[] {
  try {
    return [JSON.parse(line) as { type: string }];
  } catch {
    return [];
  }
}

async function* eventsOf(events: AsyncIterable<{ seq: number }>): AsyncGenerator<StreamedEvent> {
  for await (const event of events) yield { id: String(event.seq), data: event };
  // A browser would ask again and again for more.
  yield { event: 'end', data: {} };
}

/**
 * Each job that changes, as it is then; several changes at once are one. Only the last of what was read together carries the place after it:
 * who is cut off before it gets all of them again.
 */
async function* changesOf(
  { database }: Parts,
  after: string | undefined,
  signal: AbortSignal,
  show: (job: Job) => ApiJob | undefined,
): AsyncGenerator<StreamedEvent> {
  let wake = (): void => undefined;
  const stop = await database.listen(jobsChannel, () => wake());
  signal.addEventListener('abort', () => wake());
  try {
    let place = after;
    while (!signal.aborted) {
      const news = new Promise<void>((resolve) => (wake = resolve));
      const { jobs, next, isFull } = await readChanges(database, place);
      for (const job of jobs) {
        const data = show(job);
        if (data) yield { event: 'job', data };
      }
      // Also at the beginning, so that who is cut off before anything changes has a place to go on from.
      if (next !== place && (jobs.length > 0 || place === undefined)) yield { event: 'place', id: next, data: {} };
      place = next;
      if (isFull) continue;
      await Promise.race([news, new Promise((resolve) => setTimeout(resolve, missedMs))]);
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  } finally {
    await stop();
  }
}
