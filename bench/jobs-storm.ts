import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { openDatabase } from '../src/jobs/database.ts';
import { openJobs } from '../src/jobs/queue.ts';
import { startWorker } from '../src/jobs/start-worker.ts';
import { makeJobWorld } from '../test/job-world.ts';

/**
 * 500 queued jobs and a storm of cancellations, round after round: how long a running job takes to end, and whether the memory of the server stays
 * flat. `node bench/jobs-storm.ts [--rounds 10] [--jobs 500]`. Every second job is deaf to SIGTERM. Ends with 1 when a bar is missed.
 */

const { values: flags } = parseArgs({
  options: { rounds: { type: 'string', default: '10' }, jobs: { type: 'string', default: '500' } },
});
const count = Number(flags.jobs);
const world = await makeJobWorld('/tmp');
const db = await openDatabase({ folder: join(world.folder, 'database') });
const jobs = openJobs(db);
const body = 'read -r order; case "$order" in *deaf*) trap "" TERM;; esac; while :; do sleep 1; done';
const worker = await startWorker({
  ...world,
  db,
  command: ['sh', '-c', body],
  labels: [],
  concurrency: 8,
  version: '0',
});

const latencies: number[] = [];
const memory: number[] = [];
for (let round = 1; round <= Number(flags.rounds); round += 1) {
  const ids: string[] = [];
  for (let number = 0; number < count; number += 1) {
    const template = `storm-${round}-${number}${number % 2 === 0 ? '-deaf' : ''}`;
    ids.push((await jobs.enqueue({ kind: 'build', template }, { requestedBy: `person-${number % 7}` })).job.id);
  }
  // Those that run are met first, then all that wait, in any order, while others begin to run.
  for (let storm = 0; storm < 3; storm += 1) {
    await sleep(1500);
    const running = await jobs.list({ states: ['running'] });
    await Promise.all(
      running.map(async ({ id }) => {
        const since = performance.now();
        await jobs.cancel(id, 'storm');
        while ((await jobs.get(id)).state === 'running') await sleep(100);
        latencies.push(performance.now() - since);
      }),
    );
  }
  await Promise.all(ids.toSorted(() => Math.random() - 0.5).map((id) => jobs.cancel(id, 'storm')));
  while ((await jobs.count()).running > 0) await sleep(100);
  globalThis.gc?.();
  memory.push(Math.round(process.memoryUsage.rss() / 2 ** 20));
  process.stderr.write(`round ${round}: ${JSON.stringify(await jobs.count())}, ${memory.at(-1)} MiB\n`);
}
const counts = await jobs.count();
await worker.close();
await db.close();
await world.remove();
const sorted = latencies.toSorted((a, b) => a - b);
const settled = memory[Math.min(2, memory.length - 1)] ?? 0;
const growth = (Math.max(...memory.slice(2)) - settled) / settled;
const report = {
  rounds: memory.length,
  cancelled: counts.cancelled,
  runningCancelled: latencies.length,
  cancelMs: { p50: Math.round(sorted[Math.floor(sorted.length / 2)] ?? 0), max: Math.round(sorted.at(-1) ?? 0) },
  memoryMiB: memory,
  growthAfterThirdRound: `${Math.round(growth * 1000) / 10} %`,
};
process.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
process.exit(counts.cancelled === count * memory.length && (sorted.at(-1) ?? 0) <= 5000 && growth < 0.05 ? 0 : 1);
