import type { ApiClient } from '../../api/client.ts';
import type { ApiJobRequest } from '../../model/api/jobs.ts';
import type { Job, JobRequest } from '../../model/job.ts';
import { AppError } from '../../util/errors.ts';
import type { EmittedEvent } from '../../util/events.ts';
import type { Queue } from './queue.ts';

/** The queue of a server that runs, by its API. Who asks is whoever the token belongs to. */
export function queueOnServer(client: ApiClient): Queue {
  return {
    async list({ states, template, limit = 50 }) {
      const query = { limit, ...(states ? { state: states.join(',') } : {}), ...(template === undefined ? {} : { template }) };
      return (await client.call('GET /jobs', { query })).items.map(jobOf);
    },
    get: async (job) => jobOf(await client.call('GET /jobs/:job', { params: { job } })),
    milestones: (job) => client.milestones(job),
    async output(job, from) {
      const { events, ...part } = await client.call('GET /jobs/:job/output', { params: { job }, query: from });
      return { ...part, events: events as unknown as EmittedEvent[] };
    },
    cancel: async (job) => jobOf(await client.call('POST /jobs/:job/cancel', { params: { job } })),
    retry: async (job, from) =>
      jobOf(await client.call('POST /jobs/:job/retry', { params: { job }, body: from === undefined ? {} : { from } })),
    schedules: () => client.call('GET /schedules', {}),
    async putSchedule({ id, request, ...schedule }) {
      const body = { ...schedule, request: await namedRequest(client, request) };
      return client.call('PUT /schedules/:schedule', { params: { schedule: id }, body });
    },
    removeSchedule: (schedule) => client.call('DELETE /schedules/:schedule', { params: { schedule } }),
    runSchedule: async (schedule) => jobOf(await client.call('POST /schedules/:schedule/run', { params: { schedule } })),
  };
}

/** As it is in the database. */
export function jobOf(answer: Job & { title?: string; steps?: unknown; isNew?: boolean }): Job {
  const { title: _title, steps: _steps, isNew: _isNew, ...job } = answer;
  return job;
}

/** A request in the words of the API: stores are known there by the names that the server gives them. */
async function namedRequest(client: ApiClient, request: JobRequest): Promise<ApiJobRequest> {
  if (request.kind === 'publish' || request.kind === 'verify' || (request.kind === 'build' && request.plan))
    throw new AppError('USAGE', `A server does not ${request.kind} what lies in a folder of this machine`);
  if (request.kind !== 'build') return { ...request, store: await storeName(client, request.store) };
  const { publish, plan: _, ...rest } = request;
  if (!publish) return rest;
  const { store, channel } = publish;
  return {
    ...rest,
    publish: { store: await storeName(client, store), ...(channel === undefined ? {} : { channel }) },
  };
}

/** What the server calls a store that is named so, or lies there. @throws AppError NOT_FOUND */
export async function storeName(client: ApiClient, wanted: string): Promise<string> {
  const { stores } = await client.call('GET /about', {});
  const found = stores.find(({ name, url }) => name === wanted || url === wanted || url === `file:${wanted}`);
  if (found) return found.name;
  const known = stores.map(({ name, url }) => `${name} (${url})`).join(', ');
  throw new AppError('NOT_FOUND', `The server has no store ${wanted}`, {
    hint: known === '' ? 'It has none: gabarit serve --store file:/srv/templates.' : `It has ${known}.`,
  });
}
