import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { mkdir, symlink } from 'node:fs/promises';
import type { BuildResult } from '../model/build.ts';
import type { FileStat, Rootfs } from '../model/check.ts';
import type { Plan } from '../model/plan.ts';
import type { StepContext } from '../model/step.ts';
import { digestOf } from '../util/digest.ts';
import { AppError } from '../util/errors.ts';
import { formatOf } from './detect-format.ts';
import type { Services } from './services.ts';

const pieceSize = 1 << 20;

/**
 * Builds a plan twice, without using anything that was built before (only the verified packages), and compares the raw disks byte
 * for byte. @throws AppError NOT_REPRODUCIBLE, naming the files that differ
 */
export async function checkReproducible(
  plan: Plan,
  services: Services,
  ctx: StepContext,
): Promise<Omit<BuildResult, 'durationMs'>> {
  const engine = services.engines.find(({ id }) => id === plan.template.engine.name);
  if (engine === undefined) throw new TypeError(`no engine ${plan.template.engine.name}`);
  ctx.emit({ type: 'run.started', plan: plan.id, version: 'reproducibility check' });
  const disks: string[] = [];
  const seconds: [string, number][] = [];
  for (const round of ['first', 'second']) {
    const cacheDir = join(ctx.workdir, round);
    const workdir = join(cacheDir, 'work');
    await mkdir(workdir, { recursive: true });
    await mkdir(join(ctx.cacheDir, 'packages'), { recursive: true });
    await symlink(join(ctx.cacheDir, 'packages'), join(cacheDir, 'packages'));
    const started = performance.now();
    const built = await engine.build(plan, { ...ctx, cacheDir, workdir, force: false });
    seconds.push([`${round} build`, (performance.now() - started) / 1000]);
    await built.complete?.(ctx.signal);
    disks.push(built.disk);
  }
  const [first = '', second = ''] = disks;
  const different = await differingPieces(first, second, ctx.signal);
  if (different.length === 0) {
    ctx.emit({ type: 'log', level: 'info', message: `Both builds of ${plan.template.name} gave the same disk, bit for bit` });
    return { template: plan.template.name, outcome: 'done', seconds, artifacts: [] };
  }
  const faults = await explainDifference(first, second, services);
  const places =
    faults.length > 0
      ? faults
      : different.map((offset) => ({
          message: `bytes from ${offset}: outside of any file (partition table, boot loader or file system metadata)`,
        }));
  throw new AppError(
    'NOT_REPRODUCIBLE',
    `Two builds of ${plan.template.name} from the same plan differ in ${different.length} MiB`,
    {
      faults: places.slice(0, 50),
      hint: 'A script that uses the time, random numbers or the network makes each build different.',
    },
  );
}

/** Offsets of the 1 MiB pieces that are not equal. */
async function differingPieces(first: string, second: string, signal: AbortSignal): Promise<number[]> {
  await using a = await open(first, 'r');
  await using b = await open(second, 'r');
  const size = Math.max((await a.stat()).size, (await b.stat()).size);
  const [left, right] = [Buffer.alloc(pieceSize), Buffer.alloc(pieceSize)];
  const found: number[] = [];
  for (let offset = 0; offset < size; offset += pieceSize) {
    signal.throwIfAborted();
    const [one, two] = await Promise.all([a.read(left, 0, pieceSize, offset), b.read(right, 0, pieceSize, offset)]);
    if (one.bytesRead !== two.bytesRead || left.compare(right, 0, two.bytesRead, 0, one.bytesRead) !== 0) found.push(offset);
  }
  return found;
}

/** Which files differ, and in what. */
async function explainDifference(first: string, second: string, services: Services): Promise<{ message: string }[]> {
  const format = formatOf(services.formats, 'raw');
  const [a, b] = [await services.openSubject(first, format), await services.openSubject(second, format)];
  try {
    const [one, two] = [await inventory(a.subject.rootfs), await inventory(b.subject.rootfs)];
    const paths = [...new Set([...one.keys(), ...two.keys()])].toSorted();
    return paths.flatMap((path) => {
      const [left, right] = [one.get(path), two.get(path)];
      if (left === right) return [];
      if (left === undefined || right === undefined)
        return [{ message: `${path}: only in the ${left === undefined ? 'second' : 'first'} build` }];
      return [{ message: `${path}: ${differenceOf(left, right)}` }];
    });
  } finally {
    await Promise.all([a.close(), b.close()]);
  }
}

async function inventory(rootfs: Rootfs): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for await (const stat of rootfs.walk('/')) found.set(stat.path, await describe(rootfs, stat));
  return found;
}

async function describe(rootfs: Rootfs, stat: FileStat): Promise<string> {
  const { type, mode, uid, gid, mtime, inode } = stat;
  const content =
    type === 'file'
      ? digestOf((await rootfs.readFile(stat.path)) ?? '')
      : type === 'symlink'
        ? await rootfs.readLink(stat.path)
        : '';
  return JSON.stringify({ type, mode, uid, gid, mtime, inode, content });
}

function differenceOf(left: string, right: string): string {
  const [a, b] = [JSON.parse(left) as Record<string, unknown>, JSON.parse(right) as Record<string, unknown>];
  return Object.keys(a)
    .filter((key) => a[key] !== b[key])
    .map((key) => `${key} ${String(a[key])} / ${String(b[key])}`)
    .join(', ');
}
