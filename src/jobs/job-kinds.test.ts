import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { writeOutputFolder } from '../../test/fakes/output-folder.ts';
import { type FakeXapi, startXapi } from '../../test/fakes/xapi.ts';
import { hasEnded, type JobWorld, makeJobWorld, until } from '../../test/job-world.ts';
import { writeSmallDisk } from '../../test/deploy-world.ts';
import { readIndex } from '../catalog/index-file.ts';
import { jobCommand } from '../cli/job-command.ts';
import type { Job, JobRequest } from '../model/job.ts';
import { openFileStore } from '../stores/file.ts';
import { digestOfFile } from '../util/digest.ts';
import { type Database, openDatabase } from './database.ts';
import { type Jobs, openJobs } from './queue.ts';
import { type RunningWorker, startWorker } from './start-worker.ts';

/** Each kind of job but a build, carried out by a worker in a real process, against a folder store and a pool that follows XAPI's rules. */

const mib = 2 ** 20;

let world: JobWorld;
let pool: FakeXapi;
let db: Database;
let jobs: Jobs;
let command: string[];
let environment: Record<string, string>;

beforeAll(async () => {
  world = await makeJobWorld();
  pool = await startXapi(join(world.folder, 'pool'));
  const config = join(world.folder, 'gabarit.yaml');
  const lab = {
    kind: 'xcp-ng',
    hosts: [pool.hosts[0]?.address],
    user: 'env:XCP_USER',
    password: 'env:XCP_PASSWORD',
    fingerprints: pool.hosts.map(({ fingerprint }) => fingerprint),
    networks: ['Pool-wide network associated with eth0'],
  };
  await writeFile(config, JSON.stringify({ targets: { lab } }));
  const given = { ...world.environment, XCP_USER: pool.user, XCP_PASSWORD: pool.password };
  ({ command, environment } = jobCommand({ color: false, config }, given));
  db = await openDatabase({ folder: join(world.folder, 'database') });
  jobs = openJobs(db);
});

afterAll(async () => {
  await db.close();
  await pool.close();
  await world.remove();
});

async function carryOut(request: JobRequest): Promise<Job> {
  const options = { db, stateDir: world.stateDir, command, environment, labels: [], concurrency: 1, version: '0' };
  const worker: RunningWorker = await startWorker(options);
  try {
    const { job } = await jobs.enqueue(request, { requestedBy: 'ann' });
    return await until(jobs, job.id, hasEnded, 90_000);
  } finally {
    await worker.close();
  }
}

/** A small image with a disk that can be deployed. */
async function image(version: string): Promise<string> {
  const output = await writeOutputFolder(join(world.folder, 'images'), 'web', version);
  const disk = join(output, 'disk.raw');
  await writeSmallDisk(disk, 8 * mib);
  const artifact = {
    name: 'disk.raw',
    format: 'raw',
    mediaType: 'application/octet-stream',
    size: 8 * mib,
    digest: await digestOfFile(disk),
  };
  return writeOutputFolder(join(world.folder, 'images'), 'web', version, (manifest) => ({
    ...manifest,
    sizes: { ...manifest.sizes, virtual: 8 * mib },
    artifacts: [...manifest.artifacts, artifact],
  }));
}

test('an image is published, proven again, deployed to a pool, and removed when newer ones are there', {
  timeout: 240_000,
}, async () => {
  const { store } = world;
  for (const version of ['20261124.1', '20261125.1', '20261126.1'])
    expect(await carryOut({ kind: 'publish', folder: await image(version), store })).toMatchObject({ state: 'done' });

  expect(await carryOut({ kind: 'recheck', image: 'web', store })).toMatchObject({
    state: 'done',
    result: { outcome: 'done', verdicts: expect.any(Number) as number },
  });

  const deployed = await carryOut({ kind: 'deploy', image: 'web@20261126.1', store, targets: ['lab'] });
  expect(deployed).toMatchObject({ state: 'done', result: { targets: [{ target: 'lab' }] } });
  const templates = pool.db.all('VM').filter(({ record }) => record['is_a_template'] === true);
  expect(templates.map(({ record }) => (record['other_config'] as Record<string, string>)['gabarit:template'])).toContain('web');

  const again = await carryOut({ kind: 'deploy', image: 'web@20261126.1', store, targets: ['lab'] });
  expect(again).toMatchObject({ state: 'done', result: { targets: [{ outcome: 'unchanged' }] } });
  const nowhere = await carryOut({ kind: 'deploy', image: 'web@20261126.1', store, targets: ['elsewhere'] });
  expect(nowhere).toMatchObject({
    state: 'failed',
    attempt: 1,
    error: { message: expect.stringContaining('elsewhere') as string },
  });

  const pruned = await carryOut({ kind: 'retention', store, keepLast: 1 });
  expect(pruned).toMatchObject({ state: 'done', result: { removed: ['web@20261125.1', 'web@20261124.1'] } });
  expect((await readIndex(openFileStore(store), 'web'))?.images.map(({ version }) => version)).toEqual(['20261126.1']);

  const files = await readdir(join(world.folder, 'store'), { recursive: true });
  const disk = files.find((name) => name.endsWith('disk.raw')) ?? '';
  await writeFile(join(world.folder, 'store', disk), 'something else');
  const damaged = await carryOut({ kind: 'recheck', image: 'web@20261126.1', store });
  expect(damaged).toMatchObject({ state: 'failed', attempt: 1, error: { code: 'CHECK_FAILED' } });
  expect(JSON.stringify(damaged.error?.faults)).toContain('disk.raw');
});
