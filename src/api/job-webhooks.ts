import { jobsChannel } from '../jobs/job-events.ts';
import { requestTitle } from '../model/job.ts';
import type { Parts } from './parts.ts';

/** Tells webhooks when jobs have ended, and that an image of one was published. Returns how to stop. */
export async function followJobs(
  { database, jobs, webhooks, stores, view }: Parts,
  onFault: (error: unknown) => void,
): Promise<() => Promise<void>> {
  const look = async (id: string): Promise<void> => {
    const job = await jobs.get(id);
    if (job.state !== 'done' && job.state !== 'failed' && job.state !== 'cancelled') return;
    // Of several servers and several messages, the first one tells.
    const told = await database.query(
      "INSERT INTO server_facts VALUES ($1, 'true'::jsonb) ON CONFLICT DO NOTHING RETURNING name",
      [`told ${id} ${job.attempt}`],
    );
    if (told.length === 0) return;
    const { state, version, error } = job;
    await webhooks.tell('job.finished', {
      job: id,
      title: requestTitle(job.request),
      state,
      by: job.requestedBy,
      ...(version === undefined ? {} : { version }),
      ...(error ? { error: { code: error.code, message: error.message } } : {}),
    });
    const published = job.result?.published;
    if (published) {
      for (const { name } of stores) view(name).forget();
      await webhooks.tell('image.published', {
        template: published.template,
        version: published.version,
        digest: published.digest,
        job: id,
      });
    }
  };
  return database.listen(jobsChannel, (payload) => {
    const [what, id] = payload.split(':');
    if (what === 'event' && id !== undefined) look(id).catch(onFault);
  });
}
