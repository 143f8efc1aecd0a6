import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { jobCommand } from '../../src/cli/job-command.ts';
import { type Database, openDatabase } from '../../src/jobs/database.ts';
import { type Jobs, openJobs } from '../../src/jobs/queue.ts';
import { type RunningWorker, startWorker } from '../../src/jobs/start-worker.ts';
import { readJobLog } from '../../src/jobs/job-log.ts';
import type { Job, JobRequest } from '../../src/model/job.ts';
import type { EmittedEvent } from '../../src/util/events.ts';
import { hasEnded, type JobWorld, makeJobWorld, until } from '../job-world.ts';
import { needs, needsRoot } from '../tools.ts';
import { type PreparedCache, prepareCache } from './prepared-cache.ts';

/** Whole builds by a worker: cancelled in the middle, tried again from a step, and proven. */
describe.skipIf(needsRoot() || needs('apt-get', 'dpkg-deb', 'unshare'))('a worker', () => {
  let prepared: PreparedCache;
  let world: JobWorld;
  let db: Database;
  let jobs: Jobs;
  let worker: RunningWorker;

  beforeAll(async () => {
    prepared = await prepareCache();
    world = await makeJobWorld();
    db = await openDatabase({ folder: join(world.folder, 'database') });
    jobs = openJobs(db);
  });

  afterAll(async () => {
    await db.close();
    await world.remove();
    await rm(prepared.folder, { recursive: true });
  });

  /** Steps of an attempt, and whether each was reused. */
  async function stepsOf(id: string, attempt: number): Promise<Record<string, boolean>> {
    const steps: Record<string, boolean> = {};
    for (let position = 0; ; ) {
      const part = await readJobLog({ db, stateDir: world.stateDir }, id, { attempt, position });
      for (const event of part.lines.map((line) => JSON.parse(line) as EmittedEvent))
        if (event.type === 'step.finished') steps[event.step] = event.reused;
      if (part.end) return steps;
      position = part.position;
    }
  }

  async function run(request: JobRequest): Promise<Job> {
    const { job } = await jobs.enqueue(request, { requestedBy: 'ann' });
    return until(jobs, job.id, hasEnded, 300_000);
  }

  test('builds, is stopped, goes on where it was, does steps again when asked, and proves what it made', async () => {
    const { command, environment } = jobCommand(
      { color: false, cacheDir: prepared.cacheDir, out: prepared.outputDir },
      world.environment,
    );
    worker = await startWorker({ db, stateDir: world.stateDir, command, environment, labels: [], concurrency: 1, version: '0' });
    try {
      const plan = JSON.parse(await readFile(await prepared.planFile('worked'), 'utf8')) as { id: string };
      const { job } = await jobs.enqueue({ kind: 'build', template: 'worked', plan, offline: true }, { requestedBy: 'ann' });
      await until(jobs, job.id, ({ step }) => step === 'convert', 300_000);
      const cancelled = performance.now();
      await jobs.cancel(job.id, 'ann');
      expect(await until(jobs, job.id, hasEnded)).toMatchObject({ state: 'cancelled', attempt: 1 });
      expect(performance.now() - cancelled).toBeLessThan(5000);

      await jobs.retry(job.id, { by: 'ann' });
      const done = await until(jobs, job.id, hasEnded, 300_000);
      expect(done).toMatchObject({ state: 'done', attempt: 2, version: done.result?.version });
      const second = await stepsOf(job.id, 2);
      expect(second).toMatchObject({ provision: true, convert: false });

      const output = done.result?.output ?? '';
      expect(await run({ kind: 'verify', folder: output })).toMatchObject({ state: 'done', result: { outcome: 'done' } });
      const disk = join(output, 'disk.qcow2');
      await writeFile(disk, Buffer.concat([await readFile(disk), Buffer.from('x')]));
      expect(await run({ kind: 'verify', folder: output })).toMatchObject({
        state: 'failed',
        error: { code: 'DIGEST_MISMATCH' },
      });

      // Only what did not succeed is tried again: as if its publication had failed.
      await db.query(`UPDATE jobs SET state = 'failed', finished = now() WHERE id = $1`, [job.id]);
      await jobs.retry(job.id, { by: 'ann', from: 'provision' });
      expect(await until(jobs, job.id, hasEnded, 300_000)).toMatchObject({ state: 'done', attempt: 3 });
      const third = await stepsOf(job.id, 3);
      const names = Object.keys(third);
      // The plan is read each time: it is the one that was kept.
      const before = names.slice(0, names.indexOf('provision')).filter((name) => name !== 'plan');
      expect(before.length).toBeGreaterThan(0);
      expect(before.filter((name) => third[name] === false)).toEqual([]);
      expect(names.slice(names.indexOf('provision')).filter((name) => third[name] === true)).toEqual([]);
    } finally {
      await worker.close();
    }
  });
});
