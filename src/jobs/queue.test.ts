import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Database, openDatabase } from './database.ts';
import { type Jobs, openJobs } from './queue.ts';

let folder: string;
let db: Database;
let jobs: Jobs;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'queue-'));
  db = await openDatabase({ folder });
  jobs = openJobs(db);
});

afterAll(async () => {
  await db.close();
  await rm(folder, { recursive: true });
});

test('fifty equal requests are one job', async () => {
  const asked = await Promise.all(
    Array.from({ length: 50 }, (_, n) => jobs.enqueue({ kind: 'build', template: 'same' }, { requestedBy: `user-${n}` })),
  );
  expect(new Set(asked.map(({ job }) => job.id)).size).toBe(1);
  expect(asked.filter(({ isNew }) => isNew)).toHaveLength(1);
  const { id } = asked[0]?.job ?? { id: '' };
  expect((await jobs.cancel(id, 'me')).state).toBe('cancelled');
  const again = await jobs.enqueue({ kind: 'build', template: 'same' }, { requestedBy: 'me' });
  expect(again).toMatchObject({ isNew: true, job: { state: 'queued' } });
});

test('a job is watched to its end, and goes on after the last number that was seen', async () => {
  const { job } = await jobs.enqueue({ kind: 'build', template: 'watched' }, { requestedBy: 'me' });
  const seen: [number, string][] = [];
  const watching = (async () => {
    for await (const { seq, event } of jobs.watch(job.id, 0, new AbortController().signal)) seen.push([seq, event.type]);
  })();
  await jobs.cancel(job.id, 'somebody');
  await watching;
  expect(seen).toEqual([
    [1, 'job.queued'],
    [2, 'job.cancelled'],
  ]);
  expect((await jobs.events(job.id, 1)).map(({ seq }) => seq)).toEqual([2]);
});

test('only what failed or was cancelled is tried again, and not beside its twin', async () => {
  const ask = () => jobs.enqueue({ kind: 'build', template: 'again' }, { requestedBy: 'me' });
  const { job } = await ask();
  await expect(jobs.retry(job.id, { by: 'me' })).rejects.toThrow(/is queued/);
  await jobs.cancel(job.id, 'me');
  const twin = await ask();
  await expect(jobs.retry(job.id, { by: 'me' })).rejects.toThrow(twin.job.id);
  await jobs.cancel(twin.job.id, 'me');
  expect(await jobs.retry(job.id, { by: 'me', from: 'convert' })).toMatchObject({ state: 'queued', cancelRequested: false });
  await expect(jobs.get('nothing')).rejects.toMatchObject({ code: 'NOT_FOUND' });
});

test('lists by state, template and person, page by page', async () => {
  for (const n of [1, 2, 3]) await jobs.enqueue({ kind: 'build', template: `page-${n}` }, { requestedBy: 'reader' });
  const first = await jobs.list({ requestedBy: 'reader', limit: 2 });
  expect(first.map(({ request }) => 'template' in request && request.template)).toEqual(['page-3', 'page-2']);
  const second = await jobs.list({ requestedBy: 'reader', limit: 2, before: first[1]?.id ?? '' });
  expect(second).toMatchObject([{ request: { template: 'page-1' } }]);
  expect(await jobs.list({ template: 'page-1', states: ['done'] })).toEqual([]);
  expect((await jobs.count()).queued).toBeGreaterThanOrEqual(3);
});

test('a folder belongs to one process, and the error names it', async () => {
  await expect(openDatabase({ folder })).rejects.toMatchObject({
    code: 'DATABASE_IN_USE',
    message: expect.stringContaining(`process ${process.pid}`) as string,
  });
}, 20_000);
