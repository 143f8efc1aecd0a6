import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { readIndex } from '../src/catalog/index-file.ts';
import { openDatabase } from '../src/jobs/database.ts';
import { processStart, processTree } from '../src/jobs/process-tree.ts';
import { openJobs } from '../src/jobs/queue.ts';
import { openFileStore } from '../src/stores/file.ts';
import { start } from '../src/util/exec.ts';
import { makeJobWorld } from '../test/job-world.ts';
import type { HostOrder } from './jobs/host.ts';
import { writeDefinitions } from './jobs/definitions.ts';

/**
 * kill -9 of the server and of the processes of its jobs at random points, again and again; then what is in the database and in the store is
 * counted. `node bench/jobs-faults.ts --kills 1000`, or with whole builds: `--kills 60 --builds 30 --pause 8000`; `--pause` is the longest time
 * between two kills in ms, `--server` how many of them meet the server. Ends with 1 when a bar is missed.
 */

const { values: flags } = parseArgs({
  options: {
    kills: { type: 'string', default: '1000' },
    builds: { type: 'string', default: '0' },
    cache: { type: 'string' },
    pause: { type: 'string', default: '2000' },
    server: { type: 'string', default: '0.3' },
  },
});
const kills = Number(flags.kills);
const builds = Number(flags.builds);
const concurrency = 3;

const world = await makeJobWorld('/tmp');
const environment = flags.cache === undefined ? world.environment : { ...world.environment, GABARIT_CACHE: flags.cache };
const order: HostOrder = {
  ...world,
  environment,
  templates: await writeDefinitions(join(world.folder, 'definitions'), builds),
  jobs: builds > 0 ? builds : Number.MAX_SAFE_INTEGER,
  concurrency,
};

const accepted = new Set<string>();
const recoveries: number[] = [];
const tally = { server: 0, process: 0, together: 0, failed: 0, faults: 0 };
let child: ReturnType<typeof start> | undefined;
let killedAt: number | undefined;
let hasStarted = (): void => undefined;
let counts: Record<string, number> = {};

function startHost(): void {
  const host = start([process.execPath, join(import.meta.dirname, 'jobs/host.ts'), JSON.stringify(order)], {
    env: { ...world.environment, NODE_COMPILE_CACHE: join(world.stateDir, 'compile-cache') },
    stdio: ['ignore', 'pipe', 2],
  });
  child = host;
  if (!host.stdout) return;
  createInterface({ input: host.stdout }).on('line', (line) => {
    const message = JSON.parse(line) as { type: string; job: string } & Record<string, unknown>;
    if (message.type === 'accepted') accepted.add(message.job);
    if (message.type === 'failed') tally.failed += 1;
    if (message.type === 'fault') tally.faults += 1;
    if (message.type === 'counts') counts = message as unknown as Record<string, number>;
    if (message.type !== 'started') return;
    if (killedAt !== undefined) recoveries.push(performance.now() - killedAt);
    killedAt = undefined;
    hasStarted();
  });
}

async function killHost(withJobs: boolean): Promise<void> {
  const host = child;
  if (host?.pid === undefined) return;
  const jobsOf = withJobs ? await jobProcesses(host.pid) : [];
  const exited = new Promise((resolve) => host.once('close', resolve));
  for (const pid of [host.pid, ...jobsOf]) kill(pid);
  killedAt = performance.now();
  await exited;
}

async function jobProcesses(host: number): Promise<number[]> {
  const found: number[] = [];
  for (const pid of await processTree(host)) {
    const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
    if (pid !== host && command.includes('run-job')) found.push(pid);
  }
  return found;
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It was quicker.
  }
}

/** Processes that know the folder of this bench, the bench itself left out. */
async function processesOfWorld(): Promise<number[]> {
  const found: number[] = [];
  for (const name of await readdir('/proc')) {
    const pid = Number(name);
    if (!Number.isInteger(pid) || pid === process.pid) continue;
    const text = (
      await Promise.all(['environ', 'cmdline'].map((file) => readFile(`/proc/${pid}/${file}`, 'latin1').catch(() => '')))
    ).join();
    if (text.includes(world.folder) && (await processStart(pid)) !== undefined) found.push(pid);
  }
  return found;
}

async function runKills(): Promise<void> {
  const serverShare = Number(flags.server);
  startHost();
  for (let killed = 0; killed < kills; killed += 1) {
    if (killedAt !== undefined || child?.exitCode !== null) {
      const started = new Promise<void>((resolve) => (hasStarted = resolve));
      if (killedAt !== undefined) await Promise.race([started, sleep(30_000)]);
    }
    await sleep(Math.random() * Number(flags.pause));
    if (builds > 0 && counts['done'] === builds) break;
    const dice = Math.random();
    if (dice < serverShare) {
      const together = dice < serverShare / 3;
      await killHost(together);
      tally[together ? 'together' : 'server'] += 1;
      startHost();
    } else {
      const [victim] = (await jobProcesses(child?.pid ?? 0)).toSorted(() => Math.random() - 0.5);
      if (victim === undefined) {
        killed -= 1;
        continue;
      }
      kill(victim);
      tally.process += 1;
    }
    if (killed % 50 === 49) process.stderr.write(`${killed + 1} kills, ${JSON.stringify(counts)}\n`);
  }
}

const since = performance.now();
await runKills();
const killing = performance.now() - since;

// From here on nobody is killed. No more jobs; those that there are must end.
await killHost(true);
order.jobs = builds > 0 ? builds : 0;
startHost();
const sweepStart = performance.now();
let orphans: number[] = [];
for (;;) {
  await sleep(250);
  const tree = new Set(child?.pid === undefined ? [] : await processTree(child.pid));
  orphans = (await processesOfWorld()).filter((pid) => !tree.has(pid));
  const isDone = counts['queued'] === 0 && counts['running'] === 0 && counts['failed'] === 0;
  if ((isDone && orphans.length === 0) || performance.now() - sweepStart > 600_000) break;
}
const sweep = performance.now() - sweepStart;
await killHost(false);

const db = await openDatabase({ folder: join(world.folder, 'database') });
const all = await openJobs(db).list({ limit: 500 });
for (let last = all.at(-1); last; ) {
  const page = await openJobs(db).list({ limit: 500, before: last.id });
  all.push(...page);
  last = page.at(-1);
}
const done = new Map(all.filter(({ state }) => state === 'done').map((job) => [job.id, job]));
const ends = await db.query<{ job: string; n: number }>(
  `SELECT job, count(*)::int AS n FROM job_events WHERE event->>'type' = 'job.done' GROUP BY job HAVING count(*) > 1`,
);
const gaps = await db.query(`SELECT job FROM job_events GROUP BY job HAVING max(seq) <> count(*)`);
await db.close();

const store = openFileStore(world.store);
const names = new Set([...done.values()].flatMap(({ result }) => result?.published?.template ?? []));
const published: { digest: string; version: string; template: string; job?: string | undefined }[] = [];
const objects: string[] = [];
for (const name of names) published.push(...((await readIndex(store, name))?.images ?? []));
for await (const { key } of store.list('')) objects.push(key);
const lost = [...accepted].filter((id) => !done.has(id));
const unpublished = [...done.values()].filter(
  ({ result }) => !published.some(({ digest }) => digest === result?.published?.digest),
);
const byJob = Map.groupBy(published, ({ job }) => job ?? 'nobody');
const doubles = [...byJob.values()].filter((images) => images.length > 1).length + (published.length - done.size) + ends.length;
const prefixes = published.map(({ template, version, digest }) => `${template}/${version}/${digest.slice(7, 19)}`);
const parts = objects.filter((key) => key.includes('.part'));
const runs = (await readdir(join(environment['GABARIT_CACHE'] ?? '', 'runs')).catch(() => [])).length;
const sorted = recoveries.toSorted((a, b) => a - b);
const at = (share: number): number => Math.round(sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0);

const report = {
  kills: tally,
  minutes: Math.round(killing / 6000) / 10,
  accepted: accepted.size,
  done: done.size,
  lost: lost.length,
  unpublished: unpublished.length,
  doublePublications: doubles,
  eventGaps: gaps.length,
  orphanProcesses: orphans.length,
  partFiles: parts.length,
  runFolders: builds > 0 && flags.cache !== undefined ? 'shared cache' : runs,
  images: prefixes.length,
  sweepSeconds: Math.round(sweep / 100) / 10,
  recoveryMs: { p50: at(0.5), p95: at(0.95), max: at(1) },
};
process.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
const missed = lost.length + unpublished.length + doubles + gaps.length + orphans.length + parts.length > 0;
if (missed) process.stderr.write(`a bar is missed; look in ${world.folder}\n`);
else await world.remove();
process.exit(missed ? 1 : 0);
