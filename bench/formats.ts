/**
 * Compares every disk writer with `qemu-img convert` to the same format, side by side in one run:
 *   node bench/formats.ts disk.raw [--only vhd,vmdk] [--runs 3] [--markdown FILE]
 * The raw disk of an image is made by `gabarit build debian-12 --formats raw`. See docs/benchmarks.md.
 */
import { mkdtemp, open, rm, stat } from 'node:fs/promises';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { z } from 'zod';
import { qcow2 } from '../src/formats/qcow2.ts';
import { blocksOf, dataExtents } from '../src/disk/extents.ts';
import type { Extent } from '../src/model/extent.ts';
import { clusterSize } from '../src/formats/shared/packed-window.ts';
import { formatSize } from '../src/model/size.ts';
import { describeDisk } from '../src/model/vm-description.ts';
import { exec } from '../src/util/exec.ts';
import { Scope } from '../src/util/scope.ts';
import { describeMachine, packageVersion } from './build/machine.ts';
import { type Job, type Pair, pairsOf, writeAll } from './formats/pairs.ts';
import { markdownTable, writeSection } from './markdown.ts';

const changedClusters = 300;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { markdown: { type: 'string' }, only: { type: 'string' }, runs: { type: 'string', default: '3' } },
});
const [disk] = positionals;
if (disk === undefined) throw new Error('usage: node bench/formats.ts disk.raw [--only vhd,vmdk] [--runs 3] [--markdown FILE]');
const runs = z.coerce.number().int().positive().parse(values.runs);
const only = values.only?.split(',');

await using scope = new Scope();
const folder = await mkdtemp(`${disk}.bench-`);
scope.defer(() => rm(folder, { recursive: true }));
const machine = await describeMachine(folder);
const extents = await dataExtents(disk);
const dataSize = extents.reduce((sum, { start, end }) => sum + end - start, 0);
const job: Job = {
  disk,
  virtualSize: (await stat(disk)).size,
  data: join(folder, 'data'),
  ctx: {
    workdir: folder,
    cacheDir: folder,
    signal: new AbortController().signal,
    scope,
    offline: true,
    force: false,
    emit: () => undefined,
  },
};
await copyData(disk, extents, job.data);

const rows: string[][] = [];
for (const pair of pairsOf(job).filter(({ name }) => only === undefined || only.some((id) => name.startsWith(id)))) {
  rows.push(await measure(pair));
  console.log(rows.at(-1)?.join('  '));
}
const reuse = only === undefined ? [...(await measureReuse()), ...(await measureTogether())] : [];
for (const row of reuse) console.log(row.join('  '));

const report = [
  `${machine.cores} cores (${machine.processor}), ${machine.memoryGiB} GiB, ${machine.fileSystem}, Linux ${machine.kernel}, Node ${machine.node}, qemu-utils ${(await packageVersion('qemu-utils')) ?? 'unknown'}.`,
  `Disk of ${formatSize(job.virtualSize)} with ${formatSize(dataSize)} of data, in the page cache. Best of ${runs} runs in turn. MB/s are of data.`,
  `Load at the start ${machine.load.toFixed(1)}, at the end ${(loadavg()[0] ?? 0).toFixed(1)}${machine.quiet ? '' : ': somebody else was busy, so only the ratios say something'}.`,
  '',
  markdownTable(['format', 'gabarit', 'MB/s', 'peer', 'MB/s', 'times as fast', 'bar', 'size', 'peer size', 'peer is'], rows),
  '',
  ...(reuse.length > 0 ? [markdownTable(['also', 'seconds', 'size'], reuse)] : []),
].join('\n');
console.log(`\n${report}`);
if (values.markdown !== undefined) await writeSection(values.markdown, 'formats', report);

/** Ours and theirs in turn; the best time of each counts. */
async function measure(pair: Pair): Promise<string[]> {
  const [ours, theirs] = [join(folder, 'ours'), join(folder, 'theirs')];
  const best = { ours: Number.POSITIVE_INFINITY, theirs: Number.POSITIVE_INFINITY };
  for (let run = 0; run < runs; run += 1) {
    best.theirs = Math.min(best.theirs, await secondsOf(() => pair.theirs(theirs), theirs));
    best.ours = Math.min(best.ours, await secondsOf(() => pair.ours(ours), ours));
  }
  const speed = (seconds: number): string => (dataSize / 1e6 / seconds).toFixed(0);
  const ratio = best.theirs / best.ours;
  const row = [
    pair.name,
    `${best.ours.toFixed(2)} s`,
    speed(best.ours),
    `${best.theirs.toFixed(2)} s`,
    speed(best.theirs),
    ratio.toFixed(2),
    `${pair.bar}${ratio < pair.bar ? ' MISSED' : ''}`,
    await takenBy(ours),
    await takenBy(theirs),
    pair.peer,
  ];
  await Promise.all([rm(ours), rm(theirs)]);
  return row;
}

/** What nobody has written to the disk yet must not slow the next one down. */
async function secondsOf(work: () => Promise<unknown>, path?: string): Promise<number> {
  if (path !== undefined) await rm(path, { force: true });
  await exec(['sync', '-f', folder]);
  const started = performance.now();
  await work();
  return (performance.now() - started) / 1000;
}

/** Bytes of a file; of a sparse one, also what it takes on the disk. */
async function takenBy(path: string): Promise<string> {
  const { size, blocks } = await stat(path);
  return blocks * 512 < size * 0.9 ? `${formatSize(size)} (${formatSize(blocks * 512)} on disk)` : formatSize(size);
}

/** The rewriting of a disk of which little has changed, as after a change of provisioning. */
async function measureReuse(): Promise<string[][]> {
  const changed = join(folder, 'changed.raw');
  await changeSome(changed);
  const path = join(folder, 'out.qcow2');
  const built = {
    disk: changed,
    virtualSize: job.virtualSize,
    base: { disk: job.disk, folder },
    sourceDateEpoch: 0,
    timings: {},
    tools: {},
  };
  const result: string[][] = [];
  for (const name of ['packing its base too', `when the base is packed (${changedClusters} clusters differ)`]) {
    const seconds = await secondsOf(() => qcow2.write(built, path, job.ctx, describeDisk({ name: 'bench' })));
    result.push([`qcow2, ${name}`, seconds.toFixed(2), await takenBy(path)]);
  }
  await Promise.all([rm(changed), rm(path)]);
  return result;
}

/** All formats of one build. */
async function measureTogether(): Promise<string[][]> {
  const best = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
  for (let run = 0; run < runs; run += 1)
    for (const isTogether of [false, true]) {
      const at = Number(isTogether);
      best[at] = Math.min(best[at] ?? 0, await secondsOf(() => writeAll(job, folder, isTogether)));
    }
  return [
    ['all formats, one after the other', (best[0] ?? 0).toFixed(2), ''],
    ['all formats, side by side', (best[1] ?? 0).toFixed(2), ''],
  ];
}

/** The data of a sparse file, one piece behind the other. */
async function copyData(from: string, pieces: Extent[], to: string): Promise<void> {
  await using source = await open(from, 'r');
  await using target = await open(to, 'w');
  const buffer = Buffer.allocUnsafe(4 * 2 ** 20);
  for (const { start, end } of pieces)
    for (let offset = start; offset < end; offset += buffer.length) {
      const { bytesRead } = await source.read(buffer, 0, Math.min(buffer.length, end - offset), offset);
      await target.write(buffer, 0, bytesRead);
    }
}

/** A sparse copy with some clusters overwritten, evenly spread over the data. */
async function changeSome(copy: string): Promise<void> {
  await exec(['cp', '--sparse=always', job.disk, copy]);
  const clusters = blocksOf(extents, clusterSize);
  await using file = await open(copy, 'r+');
  const step = Math.max(1, Math.floor(clusters.length / changedClusters));
  for (let index = 0; index < clusters.length; index += step) {
    await file.write(`changed ${index}`, (clusters[index] ?? 0) * clusterSize + 1000);
  }
}
