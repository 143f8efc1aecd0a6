/**
 * Compares the qcow2 writer with `qemu-img convert -c`, side by side in one run:
 *   node bench/formats.ts disk.raw [--markdown FILE]        (a raw disk: gabarit build debian-12 --formats raw)
 */
import { mkdtemp, open, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type Qcow2Codec, qcow2With } from '../src/formats/qcow2.ts';
import { blocksOf, dataExtents } from '../src/formats/shared/extents.ts';
import { clusterSize } from '../src/formats/shared/packed-window.ts';
import type { Built } from '../src/model/engine.ts';
import type { StepContext } from '../src/model/step.ts';
import { describeDisk } from '../src/model/vm-description.ts';
import { exec } from '../src/util/exec.ts';
import { Scope } from '../src/util/scope.ts';
import { markdownTable, writeSection } from './markdown.ts';

const changedClusters = 300;

async function main(disk: string | undefined, markdown: string | undefined): Promise<void> {
  if (disk === undefined) throw new Error('usage: node bench/formats.ts disk.raw [--markdown FILE]');
  const { size: virtualSize } = await stat(disk);
  await using scope = new Scope();
  const folder = await mkdtemp(`${disk}.bench-`);
  scope.defer(() => rm(folder, { recursive: true }));
  const ctx: StepContext = {
    workdir: folder,
    cacheDir: folder,
    signal: new AbortController().signal,
    scope,
    offline: true,
    force: false,
    emit: () => undefined,
  };
  const changed = join(folder, 'changed.raw');
  await changeSome(disk, changed);

  const convert = (type: string, source: string): (() => Promise<unknown>) => {
    const options = type === '' ? [] : ['-o', `compression_type=${type}`];
    return () =>
      exec([
        'qemu-img',
        'convert',
        '-c',
        '-W',
        '-m',
        '16',
        '-f',
        'raw',
        '-O',
        'qcow2',
        ...options,
        source,
        join(folder, 'out.qcow2'),
      ]);
  };
  const ours = (
    codec: Qcow2Codec,
    built: Omit<Built, 'timings' | 'tools' | 'virtualSize' | 'sourceDateEpoch'>,
  ): (() => Promise<void>) => {
    return () =>
      qcow2With(codec).write(
        { ...built, virtualSize, sourceDateEpoch: 0, timings: {}, tools: {} },
        join(folder, 'out.qcow2'),
        ctx,
        describeDisk({ name: 'bench' }),
      );
  };
  const zstd: Qcow2Codec = { type: 'zstd', level: 3 };
  const base = { disk, folder };
  const runs: [string, () => Promise<unknown>][] = [
    ['qemu-img convert -c, zlib', convert('zlib', disk)],
    ['qemu-img convert -c, zstd', convert('zstd', disk)],
    ['gabarit, deflate 6', ours({ type: 'deflate', level: 6 }, { disk })],
    ...[1, 3, 4, 6].map((level): [string, () => Promise<unknown>] => [
      `gabarit, zstd ${level}`,
      ours({ type: 'zstd', level }, { disk }),
    ]),
    ['gabarit, zstd 3, cold with a base', ours(zstd, { disk: changed, base })],
    [`gabarit, zstd 3, hot (${changedClusters} clusters changed)`, ours(zstd, { disk: changed, base })],
  ];
  let reference = 0;
  const rows: string[][] = [];
  for (const [name, run] of runs) {
    const started = performance.now();
    await run();
    const seconds = (performance.now() - started) / 1000;
    reference ||= seconds;
    const { size } = await stat(join(folder, 'out.qcow2'));
    rows.push([name, seconds.toFixed(2), `${(seconds / reference).toFixed(2)}x`, `${(size / 2 ** 20).toFixed(1)} MiB`]);
    console.log(rows.at(-1)?.join('  '));
  }
  const report = markdownTable(['writer', 'seconds', 'to qemu-img', 'size'], rows);
  console.log(`\n${report}`);
  if (markdown !== undefined) await writeSection(markdown, 'formats', report);
}

/** A sparse copy with some clusters overwritten, evenly spread over the data. */
async function changeSome(disk: string, copy: string): Promise<void> {
  await exec(['cp', '--sparse=always', disk, copy]);
  const clusters = blocksOf(await dataExtents(disk), clusterSize);
  await using file = await open(copy, 'r+');
  const step = Math.max(1, Math.floor(clusters.length / changedClusters));
  for (let index = 0; index < clusters.length; index += step) {
    await file.write(`changed ${index}`, (clusters[index] ?? 0) * clusterSize + 1000);
  }
}

const { values, positionals } = parseArgs({ allowPositionals: true, options: { markdown: { type: 'string' } } });
await main(positionals[0], values.markdown);
