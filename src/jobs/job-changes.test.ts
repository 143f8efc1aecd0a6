import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Postgres, startPostgres } from '../../test/postgres.ts';
import { needs, needsRoot } from '../../test/tools.ts';
import { type Database, openDatabase } from './database.ts';
import { readChanges } from './job-changes.ts';
import { enqueue, openJobs } from './queue.ts';
import { setProgress, takeJob } from './take-job.ts';
import { registerWorker } from './workers.ts';

let folder: string;
let postgres: Postgres | undefined;
const hasPostgres = !needs('createdb', 'setpriv') && !needsRoot();
const databases: Partial<Record<Database['kind'], Database>> = {};

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'changes-'));
  databases.pglite = await openDatabase({ folder: join(folder, 'database') });
  if (!hasPostgres) return;
  postgres = await startPostgres();
  databases.postgresql = await openDatabase({ url: await postgres.database('changes') });
});

afterAll(async () => {
  for (const db of Object.values(databases)) await db.close();
  await postgres?.stop();
  await rm(folder, { recursive: true, force: true });
});

const me = { requestedBy: 'me' };
const build = (template: string) => ({ kind: 'build', template }) as const;

describe.each(['pglite', ...(hasPostgres ? ['postgresql' as const] : [])] as const)('on %s', (kind) => {
  const database = (): Database => databases[kind] as Database;

  test('who asks from a place on gets each job that changed since, as it is now; progress alone is no change', async () => {
    const db = database();
    const jobs = openJobs(db);
    const { next: start } = await readChanges(db, undefined);
    const { job } = await jobs.enqueue(build('a'), me);
    const { job: other } = await jobs.enqueue(build('b'), me);
    await jobs.cancel(other.id, 'me');
    const first = await readChanges(db, start);
    expect(first.jobs.map(({ id, state }) => [id, state])).toEqual([
      [job.id, 'queued'],
      [other.id, 'cancelled'],
    ]);
    expect((await readChanges(db, first.next)).jobs).toEqual([]);
    const held = await takeJob(db, {
      id: await registerWorker(db, { labels: [], concurrency: 1, version: '0' }),
      labels: [],
      full: [],
    });
    if (!held) throw new Error('nothing was taken');
    const second = await readChanges(db, first.next);
    expect(second.jobs).toMatchObject([{ id: job.id, state: 'running' }]);
    await setProgress(db, held, 'convert', { step: 'convert', done: 1, unit: 'bytes' });
    expect((await readChanges(db, second.next)).jobs).toEqual([]);
    await jobs.cancel(job.id, 'me');
  });

  test('many come in parts', async () => {
    const db = database();
    const { next: start } = await readChanges(db, undefined);
    await db.transaction(async (tx) => {
      for (let n = 0; n < 499; n += 1) await enqueue(tx, build(`many-${n}`), me);
    });
    for (let n = 0; n < 10; n += 1) await openJobs(db).enqueue(build(`more-${n}`), me);
    const first = await readChanges(db, start);
    expect([first.jobs.length, first.isFull]).toEqual([500, true]);
    const second = await readChanges(db, first.next);
    expect([second.jobs.length, second.isFull]).toEqual([9, false]);
  });

  test('a place that this database has not reached is refused', async () => {
    await expect(readChanges(database(), '999999999')).rejects.toMatchObject({ code: 'USAGE' });
  });
});

test.runIf(hasPostgres)('a transaction that began earlier and ends later is not missed', async () => {
  // Of its own: a second connection that stays open would outlive the test.
  const db = await openDatabase({ url: (await postgres?.database('late')) ?? '' });
  const { next: start } = await readChanges(db, undefined);
  let late = '';
  let seen = '';
  await db.transaction(async (tx) => {
    late = (await enqueue(tx, build('late'), me)).job.id;
    const { job } = await openJobs(db).enqueue(build('early'), me);
    const { jobs, next } = await readChanges(db, start);
    expect(jobs.map(({ id }) => id)).toEqual([job.id]);
    seen = next;
  });
  expect((await readChanges(db, seen)).jobs.map(({ id }) => id)).toContain(late);
  await db.close();
});
