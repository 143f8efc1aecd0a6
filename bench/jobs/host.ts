import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { openDatabase } from '../../src/jobs/database.ts';
import { openJobs } from '../../src/jobs/queue.ts';
import { startWorker } from '../../src/jobs/start-worker.ts';
import type { JobRequest } from '../../src/model/job.ts';
import { writeOutputFolder } from '../../test/fakes/output-folder.ts';

/**
 * The server of the fault bench, which is killed again and again: the queue in PGlite, a worker, and somebody who asks for jobs. What it has
 * accepted it says on its standard output, only after the database has it.
 */

export interface HostOrder {
  folder: string;
  stateDir: string;
  command: string[];
  environment: Record<string, string>;
  store: string;
  /** Jobs in all; it asks for the next ones as long as fewer wait than this host has hands. */
  jobs: number;
  /** Definitions to build; without any, small images are published. */
  templates: string[];
  concurrency: number;
}

const order = JSON.parse(process.argv[2] ?? '') as HostOrder;
const say = (message: object): void => void process.stdout.write(`${JSON.stringify(message)}\n`);

const db = await openDatabase({ folder: join(order.folder, 'database') });
const jobs = openJobs(db);
await startWorker({ ...order, db, labels: [], version: '0', onFault: (error) => say({ type: 'fault', message: error.message }) });

async function requestOf(number: number): Promise<JobRequest> {
  const template = order.templates[number];
  const publish = { store: order.store };
  if (template !== undefined) return { kind: 'build', template, offline: true, publish };
  const folder = await writeOutputFolder(
    join(order.folder, 'images'),
    `image-${Math.floor(number / 20)}`,
    `20261125.${(number % 20) + 1}`,
  );
  return { kind: 'publish', folder, ...publish };
}

const seen = new Set<string>();
for (;;) {
  const counts = await jobs.count();
  const asked = Object.values(counts).reduce((sum, count) => sum + count, 0);
  if (asked < order.jobs && counts.queued < 8) {
    const { job } = await jobs.enqueue(await requestOf(asked), { requestedBy: `person-${asked % 3}` });
    say({ type: 'accepted', job: job.id });
  }
  for (const { id, attempt } of await jobs.list({ states: ['running'] })) {
    if (seen.has(`${id} ${attempt}`)) continue;
    seen.add(`${id} ${attempt}`);
    say({ type: 'started', job: id, attempt });
  }
  // What failed because its process was killed twice is asked for again, as a person would.
  for (const { id, error } of await jobs.list({ states: ['failed'] })) {
    say({ type: 'failed', job: id, code: error?.code, message: error?.message });
    await jobs.retry(id, { by: 'somebody' });
  }
  say({ type: 'counts', ...counts });
  await sleep(50);
}
