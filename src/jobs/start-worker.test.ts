import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { hasEnded, type JobWorld, makeJobWorld, until } from '../../test/job-world.ts';
import { readIndex } from '../catalog/index-file.ts';
import { openFileStore } from '../stores/file.ts';
import { type Database, openDatabase } from './database.ts';
import { readJobLog } from './job-log.ts';
import { processStart } from './process-tree.ts';
import { type Jobs, openJobs } from './queue.ts';
import { type RunningWorker, startWorker, type WorkerOptions } from './start-worker.ts';
import { endAttempt, takeJob } from './take-job.ts';
import { declareLost, registerWorker } from './workers.ts';

let world: JobWorld;
let db: Database;
let jobs: Jobs;

beforeAll(async () => {
  world = await makeJobWorld();
  db = await openDatabase({ folder: join(world.folder, 'database') });
  jobs = openJobs(db);
});

afterAll(async () => {
  await db.close();
  await world.remove();
});

function workerOptions(more: Partial<WorkerOptions> = {}): WorkerOptions {
  const { stateDir, command, environment } = world;
  return { db, stateDir, command, environment, labels: [], concurrency: 1, version: '0', ...more };
}

async function withWorker(more: Partial<WorkerOptions>, work: (worker: RunningWorker) => Promise<void>): Promise<void> {
  const worker = await startWorker(workerOptions(more));
  try {
    await work(worker);
  } finally {
    await worker.close();
  }
}

/** A command that stands for the one job in this folder: a shell script that gets the order and may say lines. */
async function script(name: string, body: string): Promise<string[]> {
  await mkdir(join(world.folder, 'scripts'), { recursive: true });
  const path = join(world.folder, 'scripts', name);
  await writeFile(path, `#!/bin/sh\nread -r order\n${body}\n`, { mode: 0o755 });
  return ['sh', path];
}

const ask = (template: string, more: { requestedBy?: string; labels?: string[]; priority?: number } = {}) =>
  jobs.enqueue({ kind: 'build', template }, { requestedBy: 'me', ...more }).then(({ job }) => job);

describe('a worker', () => {
  test('publishes an image by the real command, keeps its log, and tells of its steps without a gap', async () => {
    const folder = await world.image('web', '20261125.1');
    await withWorker({}, async () => {
      const request = { kind: 'publish', folder, store: world.store, channel: 'dev' } as const;
      const { job } = await jobs.enqueue(request, { requestedBy: 'ann' });
      const done = await until(jobs, job.id, hasEnded);
      expect(done).toMatchObject({
        state: 'done',
        attempt: 1,
        result: { published: { template: 'web', version: '20261125.1' } },
      });
      const events = await jobs.events(job.id, 0);
      expect(events.map(({ seq }) => seq)).toEqual(events.map((_, at) => at + 1));
      expect(events.map(({ event }) => event.type)).toContain('step.finished');
      const log = await readJobLog({ db, stateDir: world.stateDir }, job.id);
      expect(log.end).toBe(true);
      expect(log.lines.map((line) => (JSON.parse(line) as { type: string }).type)).toContain('step.started');
      const index = await readIndex(openFileStore(world.store), 'web');
      expect(index).toMatchObject({ images: [{ job: job.id }], channels: { dev: { by: 'ann' } } });
    });
  });

  test('a request that cannot succeed fails with its error, and is not tried again', async () => {
    await withWorker({}, async () => {
      const { job } = await jobs.enqueue({ kind: 'publish', folder: '/nowhere', store: world.store }, { requestedBy: 'me' });
      const done = await until(jobs, job.id, hasEnded);
      expect(done).toMatchObject({ state: 'failed', attempt: 1, error: { code: 'NOT_FOUND' } });
    });
  });

  test('a cancelled job ends within five seconds, with all that it started, though it hears no signal', async () => {
    const command = await script(
      'deaf',
      `trap '' TERM\nsetsid sh -c 'trap "" TERM; echo $$ >${world.folder}/pid; sleep 60' &\nsleep 60`,
    );
    await withWorker({ command }, async () => {
      const job = await ask('deaf');
      await until(jobs, job.id, ({ state }) => state === 'running');
      await sleep(500);
      const { readFile } = await import('node:fs/promises');
      const pid = Number(await readFile(join(world.folder, 'pid'), 'utf8'));
      expect(await processStart(pid)).toBeDefined();
      const since = performance.now();
      await jobs.cancel(job.id, 'me');
      expect(await until(jobs, job.id, hasEnded)).toMatchObject({ state: 'cancelled', cancelledBy: 'me' });
      expect(performance.now() - since).toBeLessThan(5000);
      expect(await processStart(pid)).toBeUndefined();
    });
  });

  test('a job whose process dies is tried once more, then fails and says how it died', async () => {
    const command = await script('dies', 'echo out of memory >&2; kill -9 $$');
    await withWorker({ command }, async () => {
      const job = await ask('dies');
      await until(jobs, job.id, ({ failures }) => failures === 1);
      await db.query('UPDATE jobs SET not_before = now() WHERE id = $1', [job.id]);
      const failed = await until(jobs, job.id, hasEnded);
      expect(failed).toMatchObject({ state: 'failed', attempt: 2, error: { code: 'BUILD_FAILED' } });
      expect(failed.error?.message).toMatch(/SIGKILL.*out of memory/);
    });
  });

  test('what may pass is tried again', async () => {
    const flag = join(world.folder, 'second');
    const result = '{"type":"result","result":{"outcome":"done"}}';
    const error = '{"type":"error","code":"STORE_FAILED","message":"no answer"}';
    const command = await script('flaky', `if [ -e ${flag} ]; then echo '${result}'; else touch ${flag}; echo '${error}'; fi`);
    await withWorker({ command }, async () => {
      const job = await ask('flaky');
      await until(jobs, job.id, ({ failures }) => failures === 1);
      await db.query('UPDATE jobs SET not_before = now() WHERE id = $1', [job.id]);
      expect(await until(jobs, job.id, hasEnded)).toMatchObject({ state: 'done', attempt: 2 });
    });
  });

  test('hands its job to others when it must leave, without counting that as a failure', async () => {
    const command = await script('long', 'sleep 60');
    const job = await ask('long');
    await withWorker({ command }, async (worker) => {
      await until(jobs, job.id, ({ state }) => state === 'running');
      await worker.drain(100);
    });
    expect(await jobs.get(job.id)).toMatchObject({ state: 'queued', failures: 0, recoveries: 0 });
    await jobs.cancel(job.id, 'me');
  });
});

describe('whose turn it is', () => {
  async function take(worker: string, labels: string[] = [], full: string[] = []): Promise<string | undefined> {
    const held = await takeJob(db, { id: worker, labels, full });
    return held && 'template' in held.job.request ? held.job.request.template : undefined;
  }
  const register = (labels: string[] = []) => registerWorker(db, { labels, concurrency: 9, version: '0' });
  const forget = (worker: string): Promise<unknown> =>
    db.query(`UPDATE jobs SET state = 'done' WHERE state IN ('queued', 'running')`).then(() => declareLost(db, worker));

  test('people take turns, whoever asked for more; a higher priority goes first', async () => {
    const worker = await register();
    for (const n of [1, 2, 3]) await ask(`many-${n}`, { requestedBy: 'many' });
    await ask('few-1', { requestedBy: 'few' });
    await ask('urgent', { requestedBy: 'many', priority: 5 });
    const order: (string | undefined)[] = [];
    for (let n = 0; n < 5; n += 1) order.push(await take(worker));
    expect(order).toEqual(['urgent', 'few-1', 'many-1', 'many-2', 'many-3']);
    await forget(worker);
  });

  test('labels: only who has all of them, no more than the host and all hosts may', async () => {
    const worker = await register(['kvm', 'uefi']);
    await ask('plain');
    await ask('both-1', { labels: ['kvm', 'uefi'] });
    await ask('both-2', { labels: ['kvm', 'uefi'] });
    await ask('gpu', { labels: ['gpu'] });
    expect(await take(worker, ['kvm'])).toBe('plain');
    expect(await take(worker, ['kvm'])).toBeUndefined();
    expect(await take(worker, ['kvm', 'uefi'], ['kvm'])).toBeUndefined();
    await jobs.setLabelLimit('kvm', 1);
    expect(await take(worker, ['kvm', 'uefi'])).toBe('both-1');
    expect(await take(worker, ['kvm', 'uefi'])).toBeUndefined();
    await jobs.setLabelLimit('kvm', undefined);
    expect(await take(worker, ['kvm', 'uefi'])).toBe('both-2');
    await forget(worker);
  });

  test('who was declared lost takes nothing, and ends nothing that another has', async () => {
    const [slow, quick] = [await register(), await register()];
    await ask('contested');
    const first = await takeJob(db, { id: slow, labels: [], full: [] });
    expect(await declareLost(db, slow)).toBe(true);
    expect(await takeJob(db, { id: slow, labels: [], full: [] })).toBeUndefined();
    const second = await takeJob(db, { id: quick, labels: [], full: [] });
    expect(second).toMatchObject({ attempt: 2, job: { recoveries: 1 } });
    if (!first || !second) throw new Error('nothing was taken');
    expect(await endAttempt(db, first, { state: 'done', result: { outcome: 'done' } })).toBe(false);
    expect(await endAttempt(db, second, { state: 'done', result: { outcome: 'done' } })).toBe(true);
    await forget(quick);
  });
});
