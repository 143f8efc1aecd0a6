import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { exec } from '../util/exec.ts';
import { AppError } from '../util/errors.ts';
import { lockFile } from '../util/lock-file.ts';
import { housekeepingContext, type Services } from './services.ts';

/** One thing in the build cache that can be removed by itself and made again. */
export interface CacheEntry {
  kind: 'base layer' | 'disk layer' | 'artifact' | 'package' | 'package indexes' | 'medium';
  /** Its path below the cache folder. */
  name: string;
  /** Bytes on the disk. */
  size: number;
  /** When it was last of use: milliseconds since 1970. */
  usedMs: number;
}

const kinds: { folder: string; kind: CacheEntry['kind'] }[] = [
  { folder: 'layers/base', kind: 'base layer' },
  { folder: 'layers/disk', kind: 'disk layer' },
  { folder: 'steps', kind: 'artifact' },
  { folder: 'packages', kind: 'package' },
  { folder: 'apt', kind: 'package indexes' },
  { folder: 'media', kind: 'medium' },
];

/** Everything in the cache, the least recently used first. */
export async function listCache(cacheDir: string): Promise<CacheEntry[]> {
  const entries: CacheEntry[] = [];
  for (const { folder, kind } of kinds) {
    const names = (await readdir(join(cacheDir, folder)).catch(() => [] as string[])).filter(
      (name) => !/\.(lock|part)$|^seen-/.test(name),
    );
    const sizes = await diskUsage(join(cacheDir, folder), names);
    for (const name of names) {
      const { mtimeMs } = await stat(join(cacheDir, folder, name));
      entries.push({ kind, name: `${folder}/${name}`, size: sizes.get(name) ?? 0, usedMs: mtimeMs });
    }
  }
  return entries.toSorted((a, b) => a.usedMs - b.usedMs);
}

async function diskUsage(folder: string, names: string[]): Promise<Map<string, number>> {
  if (names.length === 0) return new Map();
  // Folders that only root of our namespace may read are left out of the sum: they are small.
  const { stdout } = await exec(['du', '--summarize', '--block-size=1', '--', ...names], { cwd: folder, okExitCodes: [0, 1] });
  return new Map(
    stdout
      .trim()
      .split('\n')
      .map((line) => [line.split('\t')[1] ?? '', Number(line.split('\t')[0])] as const),
  );
}

/** Removes the least recently used parts until no more than `maxBytes` are left (by default the configured limit), or all. Waits for running builds. */
export async function pruneCache(
  options: { maxBytes?: number; all: boolean },
  services: Services,
  signal: AbortSignal,
): Promise<{ removed: CacheEntry[] }> {
  await using lock = await lockFile(join(services.cacheDir, 'use.lock'), { tryOnly: true, signal });
  if (lock === undefined) throw new AppError('CONFLICT', 'A build is using the cache', { hint: 'Try again when it has ended.' });
  return { removed: await removeOldest(options.all ? 0 : (options.maxBytes ?? services.cacheLimit), services, signal) };
}

/** After a build: keeps the cache within its limit, unless another build is using it. */
export async function trimCache(services: Services, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await using lock = await lockFile(join(services.cacheDir, 'use.lock'), { tryOnly: true });
  if (lock === undefined) return;
  const marker = join(services.cacheDir, 'trimmed');
  const last = await stat(marker).then(
    ({ mtimeMs }) => mtimeMs,
    () => 0,
  );
  // Adding everything up takes a second on a full cache; once an hour is enough.
  if (Date.now() - last < 3_600_000) return;
  await exec(['touch', marker]);
  const removed = await removeOldest(services.cacheLimit, services, signal);
  if (removed.length > 0)
    services.bus.emitter()({
      type: 'log',
      level: 'info',
      message: `Removed ${removed.length} old parts of the build cache, to keep it within its limit`,
    });
}

async function removeOldest(limit: number, services: Services, signal: AbortSignal): Promise<CacheEntry[]> {
  const entries = await listCache(services.cacheDir);
  let total = entries.reduce((sum, { size }) => sum + size, 0);
  const removed: CacheEntry[] = [];
  for (const entry of entries) {
    if (total <= limit) break;
    removed.push(entry);
    total -= entry.size;
  }
  const paths = removed.map(({ name }) => join(services.cacheDir, name));
  const layers = paths.filter((path) => path.startsWith(join(services.cacheDir, 'layers')));
  await services.removeTrees(layers, housekeepingContext(services, signal));
  for (const path of paths) await rm(path, { recursive: true, force: true });
  return removed;
}
