import { appendFile, mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test, vi } from 'vitest';
import { readIndex } from '../../src/catalog/index-file.ts';
import { type Database, openDatabase } from '../../src/jobs/database.ts';
import { processTree } from '../../src/jobs/process-tree.ts';
import { type Jobs, openJobs } from '../../src/jobs/queue.ts';
import type { Job } from '../../src/model/job.ts';
import { openFileStore } from '../../src/stores/file.ts';
import { exec, killGroup, start } from '../../src/util/exec.ts';
import { hasEnded, type JobWorld, makeJobWorld, until } from '../job-world.ts';
import { type Postgres, startPostgres } from '../postgres.ts';
import { needs, needsRoot } from '../tools.ts';

/**
 * PostgreSQL and three workers, each in a network of its own: in each round one of them is cut off, or stopped and woken up late, while it has
 * a job. The job is done by another, each image is published once, and the late one publishes nothing.
 */

const bridge = 'gabarit-br';
const gateway = '10.213.7.1';
const numbers = [1, 2, 3];
const rounds = Number(process.env['GABARIT_ROUNDS'] ?? 6);

interface HostedWorker {
  name: string;
  link: string;
  process: ReturnType<typeof start>;
}

let world: JobWorld;
let postgres: Postgres;
let db: Database;
let jobs: Jobs;
const workers = new Map<string, HostedWorker>();

const ip = (...args: string[]): Promise<unknown> => exec(['ip', ...args]);

/** As on a host of its own: another network, another state folder, another boot. The store is shared, as an S3 would be. */
async function startIn(number: number): Promise<void> {
  const [name, link] = [`gabarit-${number}`, `gab-${number}`];
  await ip('netns', 'add', name);
  await ip('link', 'add', link, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', name);
  await ip('link', 'set', link, 'master', bridge, 'up');
  await ip('-n', name, 'addr', 'add', `10.213.7.${number + 1}/24`, 'dev', 'eth0');
  await ip('-n', name, 'link', 'set', 'eth0', 'up');
  await mkdir(join(world.folder, name), { recursive: true });
  const main = join(import.meta.dirname, '../../src/cli/main.ts');
  const own = {
    GABARIT_STATE: join(world.folder, name),
    DATABASE_URL: `postgresql://gabarit@${gateway}:${postgres.port}/faults`,
  };
  const argv = ['ip', 'netns', 'exec', name, process.execPath, main, 'worker', '--labels', 'all', '--grace', '0'];
  const child = start(argv, { env: { ...world.environment, ...own }, stdio: ['ignore', 'ignore', 'ignore'] });
  workers.set(name, { name, link, process: child });
}

/** Which of the three has a job; the process number of the worker is in its name. */
function holderOf(job: Job): HostedWorker | undefined {
  return [...workers.values()].find(({ process: { pid } }) => job.worker?.includes(`-${pid}-`));
}

async function signalTree(pid: number, signal: 'SIGSTOP' | 'SIGCONT'): Promise<void> {
  for (const each of await processTree(pid)) {
    try {
      process.kill(each, signal);
    } catch {
      // It has ended meanwhile.
    }
  }
}

async function setUp(): Promise<void> {
  world = await makeJobWorld();
  await ip('link', 'add', bridge, 'type', 'bridge');
  await ip('addr', 'add', `${gateway}/24`, 'dev', bridge);
  await ip('link', 'set', bridge, 'up');
  postgres = await startPostgres(`${gateway},127.0.0.1`);
  await appendFile(join(postgres.folder, 'db/pg_hba.conf'), 'host all all 10.213.7.0/24 trust\n');
  await exec(
    [
      'setpriv',
      '--reuid=postgres',
      '--regid=postgres',
      '--init-groups',
      'psql',
      '-h',
      postgres.folder,
      '-p',
      String(postgres.port),
      '-U',
      'gabarit',
      'postgres',
      '-c',
      'SELECT pg_reload_conf()',
    ],
    { cwd: '/' },
  );
  await postgres.database('faults');
  db = await openDatabase({ url: `postgresql://gabarit@127.0.0.1:${postgres.port}/faults` });
  jobs = openJobs(db);
  for (const number of numbers) await startIn(number);
  await vi.waitFor(async () => expect(await jobs.workers()).toHaveLength(3), { timeout: 60_000, interval: 500 });
}

async function tearDown(): Promise<void> {
  for (const { process: child } of workers.values()) {
    if (child.pid !== undefined) await signalTree(child.pid, 'SIGCONT');
    await killGroup(child, 15_000);
  }
  for (const { name } of workers.values()) await ip('netns', 'del', name);
  await ip('link', 'del', bridge);
  await db.close();
  await postgres.stop();
  await world.remove();
}

async function round(fault: 'cut off' | 'stopped', number: number): Promise<string> {
  const folder = await world.image(`faulty-${number}`, '20261125.1');
  const asked = await jobs.enqueue({ kind: 'publish', folder, store: world.store }, { requestedBy: 'me', labels: ['all'] });
  const { id } = asked.job;
  const running = await until(jobs, id, ({ state }) => state !== 'queued');
  const holder = holderOf(running);
  if (holder?.process.pid === undefined) throw new Error(`nobody is known to have it: ${running.worker}`);
  // At a random point of its work, which takes about a second.
  await sleep(Math.random() * 600);
  const before = await jobs.get(id);
  if (fault === 'cut off') await ip('link', 'set', holder.link, 'down');
  else await signalTree(holder.process.pid, 'SIGSTOP');
  const done = await until(jobs, id, hasEnded, 60_000);
  if (fault === 'cut off') await ip('link', 'set', holder.link, 'up');
  else await signalTree(holder.process.pid, 'SIGCONT');
  expect(done.state).toBe('done');
  // It comes back, under a new name, and works again.
  await expect
    .poll(async () => (await jobs.workers()).filter(({ state, pid }) => state === 'up' && pid === holder.process.pid).length, {
      timeout: 60_000,
    })
    .toBe(1);
  await sleep(2000);
  const index = await readIndex(openFileStore(world.store), `faulty-${number}`);
  expect(index?.images).toHaveLength(1);
  const events = await jobs.events(id, 0);
  expect(events.map(({ seq }) => seq)).toEqual(events.map((_, at) => at + 1));
  expect(events.filter(({ event }) => event.type === 'job.done')).toHaveLength(1);
  if (before.state === 'running' && done.attempt > 1) {
    expect(events.map(({ event }) => event.type)).toContain('job.recovered');
    const log = await readFile(join(world.folder, holder.name, 'jobs', id, '1.jsonl'), 'utf8');
    return `${fault}: attempt ${done.attempt} did it; the late one said ${/"code":"([A-Z_]+)"/.exec(log)?.[1] ?? 'nothing'}`;
  }
  return `${fault}: it was done before`;
}

test.skipIf(needs('createdb', 'setpriv', 'ip') || needsRoot())(
  'three workers in networks of their own: one is cut off, one sleeps, and each image is published once',
  async () => {
    try {
      await setUp();
      for (let number = 0; number < rounds; number += 1) {
        const said = await round(number % 2 === 0 ? 'cut off' : 'stopped', number);
        process.stderr.write(`${said}\n`);
      }
    } finally {
      await tearDown();
    }
  },
  900_000,
);
