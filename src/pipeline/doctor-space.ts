import { readFile, statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { HostFact } from '../model/host.ts';
import { formatSize } from '../model/size.ts';
import { errnoOf } from '../util/errors.ts';

const mib = 2 ** 20;
const gib = 2 ** 30;

interface Place {
  id: string;
  title: string;
  path: string;
  /** Below this a build fails. */
  leastBytes: number;
  /** Below this it works, but not for long. */
  wantedBytes: number;
}

/** Bytes that this user may still write where `path` is, or would be made. */
async function freeBytes(path: string): Promise<number> {
  try {
    const { bavail, bsize } = await statfs(path);
    return bavail * bsize;
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT' || dirname(path) === path) throw error;
    return freeBytes(dirname(path));
  }
}

async function inspectPlace({ id, title, path, leastBytes, wantedBytes }: Place): Promise<HostFact> {
  const free = await freeBytes(path);
  const fact = { id, title, neededFor: 'build', found: `${formatSize(free)} free (${path})` } as const;
  if (free >= wantedBytes) return { ...fact, status: 'ok' };
  const hint = `A build needs ${formatSize(leastBytes)}, several need ${formatSize(wantedBytes)}. Free some space, or choose another folder.`;
  return { ...fact, status: free < leastBytes ? 'fail' : 'warn', hint };
}

/** The free disk in the folders that builds write to. */
export async function inspectSpace(folders: { cacheDir: string; outputDir: string; tempDir: string }): Promise<HostFact[]> {
  return Promise.all([
    inspectPlace({ id: 'disk.cache', title: 'Cache', path: folders.cacheDir, leastBytes: 3 * gib, wantedBytes: 10 * gib }),
    inspectPlace({ id: 'disk.output', title: 'Output', path: folders.outputDir, leastBytes: gib, wantedBytes: 4 * gib }),
    inspectPlace({ id: 'disk.temp', title: 'Temporary files', path: folders.tempDir, leastBytes: 64 * mib, wantedBytes: gib }),
  ]);
}

/** The memory that is available: a build takes up to 1 GiB, and so does each machine of a verification. */
export async function inspectMemory(): Promise<HostFact> {
  const available = Number(/^MemAvailable:\s+(\d+) kB/m.exec(await readFile('/proc/meminfo', 'utf8'))?.[1] ?? 0) * 1024;
  const fact = { id: 'memory', title: 'Memory', neededFor: 'build', found: `${formatSize(available)} available` } as const;
  if (available >= 2 * gib) return { ...fact, status: 'ok' };
  return { ...fact, status: 'warn', hint: 'A build takes up to 1 GiB, and so does each machine that verifies it.' };
}
