import { join } from 'node:path';
import * as formats from '../../src/formats/index.ts';
import { qcow2With } from '../../src/formats/qcow2.ts';
import type { Built } from '../../src/model/engine.ts';
import type { Format } from '../../src/model/format.ts';
import type { StepContext } from '../../src/model/step.ts';
import { describeDisk } from '../../src/model/vm-description.ts';
import { lanesOf } from '../../src/pipeline/steps/convert.ts';
import { exec } from '../../src/util/exec.ts';
import { together } from '../../src/util/together.ts';

/** A writer of ours and what it is measured against. Each makes one file. */
export interface Pair {
  name: string;
  peer: string;
  /** How many times faster than the peer the writer must be at least. */
  bar: number;
  ours(path: string): Promise<unknown>;
  theirs(path: string): Promise<unknown>;
}

export interface Job {
  /** The raw disk. */
  disk: string;
  virtualSize: number;
  /** The disk's data alone, without its holes, in one file. */
  data: string;
  ctx: StepContext;
}

/** Options of `qemu-img convert` for the same kind of file. Writes may be out of order where QEMU can do that: it is faster. */
const outOfOrder = ['-W', '-m', '16'];
const peers: Record<string, { argv: string[]; bar: number }> = {
  raw: { argv: [...outOfOrder, '-O', 'raw'], bar: 1 },
  vhd: { argv: ['-O', 'vpc', '-o', 'subformat=dynamic,force_size=on'], bar: 1 },
  'vhd-fixed': { argv: ['-O', 'vpc', '-o', 'subformat=fixed,force_size=on'], bar: 1 },
  vmdk: { argv: ['-O', 'vmdk', '-o', 'subformat=streamOptimized'], bar: 1.5 },
  ova: { argv: ['-O', 'vmdk', '-o', 'subformat=streamOptimized'], bar: 1.5 },
  'vmdk-sparse': { argv: ['-O', 'vmdk', '-o', 'subformat=monolithicSparse'], bar: 1 },
};
const qcow2Peer = (type: string): string[] => ['-c', '-O', 'qcow2', '-o', `compression_type=${type}`];

const zstd3 = qcow2With({ type: 'zstd', level: 3 });
const deflate6 = qcow2With({ type: 'deflate', level: 6 });

/** Every format beside `qemu-img convert` to the same; XVA, which QEMU does not write, beside the least that could make one. */
export function pairsOf(job: Job): Pair[] {
  const pairs = Object.values(formats).flatMap((format): Pair[] => {
    const peer = peers[format.id];
    return peer ? [pair(job, format.id, format, peer.argv, peer.bar)] : [];
  });
  return [
    ...pairs,
    // QEMU packs by zstd at level 3; what we ship is level 4, which is smaller. It packs one cluster after the other, unless it may write
    // them out of order: then several at once.
    pair(job, 'qcow2 (zstd 4)', formats.qcow2, qcow2Peer('zstd'), 1.5),
    pair(job, 'qcow2 (zstd 4)', formats.qcow2, [...outOfOrder, ...qcow2Peer('zstd')], 1),
    pair(job, 'qcow2 (zstd 3)', zstd3, qcow2Peer('zstd'), 1.5),
    pair(job, 'qcow2 (zstd 3)', zstd3, [...outOfOrder, ...qcow2Peer('zstd')], 1),
    pair(job, 'qcow2 (deflate 6)', deflate6, qcow2Peer('zlib'), 1.5),
    pair(job, 'qcow2 (deflate 6)', deflate6, [...outOfOrder, ...qcow2Peer('zlib')], 1),
    xvaPair(job),
  ];
}

function pair(job: Job, name: string, format: Format, argv: string[], bar: number): Pair {
  return {
    name,
    peer: `qemu-img convert ${argv.join(' ')}`,
    bar,
    ours: (path) => write(job, format, path),
    theirs: (path) => exec(['qemu-img', 'convert', '-f', 'raw', ...argv, job.disk, path]),
  };
}

/** An XVA has every block and its XXH64: no tool makes one in less than it takes to copy the disk and to hash its data. */
function xvaPair(job: Job): Pair {
  return {
    name: 'xva',
    peer: 'qemu-img convert -O raw, xxhsum -H1',
    bar: 1,
    ours: (path) => write(job, formats.xva, path),
    async theirs(path) {
      await exec(['qemu-img', 'convert', '-f', 'raw', ...outOfOrder, '-O', 'raw', job.disk, path]);
      await exec(['xxhsum', '-H1', job.data]);
    },
  };
}

function write({ disk, virtualSize, ctx }: Job, format: Format, path: string, artifacts = {}): Promise<void> {
  const built: Built = { disk, virtualSize, artifacts, sourceDateEpoch: 0, timings: {}, tools: {} };
  return format.write(built, path, ctx, describeDisk({ name: 'bench', digest: 'sha256:0' }));
}

/** All formats from one disk as a build writes them, or (`isTogether` false) one after the other. */
export async function writeAll(job: Job, folder: string, isTogether: boolean): Promise<void> {
  const lanes = isTogether ? lanesOf(Object.values(formats)) : [lanesOf(Object.values(formats)).flat()];
  const artifacts: Record<string, string> = {};
  const lane = (members: Format[]) => async (): Promise<void> => {
    for (const format of members) {
      const path = join(folder, `all.${format.extension}`);
      await write(job, format, path, { ...artifacts });
      artifacts[format.id] = path;
    }
  };
  await together(lanes.map(lane), job.ctx.signal);
}
