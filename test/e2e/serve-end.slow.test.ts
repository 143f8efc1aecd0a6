import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openDatabase } from '../../src/jobs/database.ts';
import { openJobs } from '../../src/jobs/queue.ts';
import type { Job } from '../../src/model/job.ts';
import { exec } from '../../src/util/exec.ts';
import { type GabaritProcess, startGabarit, stillAlive } from './gabarit-process.ts';

/** How a real server ends whose jobs hear no signal: their manifests are pipes that nobody writes to, and a read of one cannot be broken off. */

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'serve-end-'));
});

afterAll(() => rm(folder, { recursive: true, force: true }));

function gabarit(args: string[]): GabaritProcess {
  const env = { HOME: folder, GABARIT_STATE: join(folder, 'state'), GABARIT_KEYS: join(folder, 'keys') };
  return startGabarit(args, { cacheDir: join(folder, 'cache'), outputDir: join(folder, 'out'), env });
}

async function serve(): Promise<{ server: GabaritProcess; url: string }> {
  const server = gabarit(['serve', '--port', '0', '--jobs', '3', '--store', `file:${join(folder, 'store')}`]);
  for (;;) {
    const line = server.lines.find(({ type }) => type === 'serving') as { url: string } | undefined;
    if (line) return { server, url: line.url };
    if ((await Promise.race([server.ended, sleep(100)])) !== undefined) throw new Error(server.stderr.join('\n'));
  }
}

async function states(): Promise<string[]> {
  const run = gabarit(['jobs', 'ls']);
  expect(await run.ended).toBe(0);
  return (run.lines.at(-1) as unknown as Job[]).map(({ state }) => state);
}

async function untilRunning(): Promise<void> {
  while ((await states()).some((state) => state !== 'running')) await sleep(500);
}

/** Processes of jobs, of whichever server: they know the folder by their environment. */
async function jobProcesses(): Promise<string[]> {
  const read = (pid: string, file: string): Promise<string> => readFile(`/proc/${pid}/${file}`, 'latin1').catch(() => '');
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const found = await Promise.all(
    pids.map(async (pid) => (await read(pid, 'cmdline')).includes('run-job') && (await read(pid, 'environ')).includes(folder)),
  );
  return pids.filter((_, at) => found[at]);
}

test('it goes on answering, hands its jobs over, and is gone within 30 s with all that it started; killed, it leaves them to the next', async () => {
  const db = await openDatabase({ folder: join(folder, 'state/database') });
  for (const name of ['a', 'b', 'c']) {
    await mkdir(join(folder, name));
    await exec(['mkfifo', join(folder, name, 'manifest.json')]);
    await openJobs(db).enqueue({ kind: 'verify', folder: join(folder, name) }, { requestedBy: 'me' });
  }
  await db.close();

  const first = await serve();
  await untilRunning();
  const since = performance.now();
  first.server.kill('SIGTERM');
  await sleep(2000);
  expect((await fetch(`${first.url}/api/v1/health`)).status).toBe(200);
  expect(await first.server.ended).toBe(0);
  expect(performance.now() - since).toBeLessThan(30_000);
  expect(await stillAlive(folder)).toEqual([]);
  expect(await readdir(join(folder, 'state/server'))).not.toContain('local.json');
  // The database is opened by the command itself now.
  expect(await states()).toEqual(['queued', 'queued', 'queued']);

  const second = await serve();
  await untilRunning();
  second.server.kill('SIGKILL');
  expect(await second.server.ended).toBe('SIGKILL');
  const third = await serve();
  await untilRunning();
  // What the killed one had started hears nothing of its end; it is swept within a minute, and the three that run are new ones.
  for (const start = performance.now(); (await jobProcesses()).length !== 3; await sleep(500))
    expect(performance.now() - start).toBeLessThan(60_000);
  third.server.kill('SIGTERM');
  expect(await third.server.ended).toBe(0);
  expect(await jobProcesses()).toEqual([]);
});
