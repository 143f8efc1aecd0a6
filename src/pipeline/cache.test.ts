import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { EventBus } from '../util/events.ts';
import { lockFile } from '../util/lock-file.ts';
import { listCache, pruneCache, trimCache } from './cache.ts';
import type { Services } from './services.ts';

const MiB = 2 ** 20;
const signal = new AbortController().signal;
let cacheDir = '';
let removedTrees: string[] = [];

beforeEach(async () => {
  cacheDir = await mkdtemp(join(tmpdir(), 'cache-'));
  removedTrees = [];
  const put = async (name: string, minute: number): Promise<void> => {
    const path = join(cacheDir, name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, Buffer.alloc(MiB, 'x'));
    const top = join(
      cacheDir,
      name
        .split('/')
        .slice(0, name.startsWith('layers') ? 3 : 2)
        .join('/'),
    );
    await utimes(top, minute * 60, minute * 60);
  };
  await put('packages/old.deb', 1);
  await put('layers/base/aaaa/tree/file', 2);
  await put('steps/bbbb/disk.qcow2', 3);
  await put('packages/new.deb', 4);
  await put('packages/half.deb.part', 0);
  await put('layers/base/aaaa.lock', 0);
});
afterEach(() => rm(cacheDir, { recursive: true, force: true }));

/** What the pruning of a cache needs; all else of the services is another's. */
function services(cacheLimit = 100 * MiB): Services {
  const removeTrees = async (paths: string[]): Promise<void> => {
    removedTrees.push(...paths);
    for (const path of paths) await rm(path, { recursive: true });
  };
  return { cacheDir, cacheLimit, bus: new EventBus(), removeTrees } as unknown as Services;
}
const names = async (): Promise<string[]> => (await listCache(cacheDir)).map(({ name }) => name);
const all = ['packages/old.deb', 'layers/base/aaaa', 'steps/bbbb', 'packages/new.deb'];

describe('the build cache', () => {
  test('lists its parts, the least recently used first, with their sizes', async () => {
    const entries = await listCache(cacheDir);
    expect(entries.map(({ name }) => name)).toEqual(all);
    expect(entries.map(({ kind }) => kind)).toEqual(['package', 'base layer', 'artifact', 'package']);
    for (const { size } of entries) expect(size).toBeGreaterThanOrEqual(MiB);
    expect(await listCache(join(cacheDir, 'none'))).toEqual([]);
  });

  test('is pruned from its old end, only as far as needed', async () => {
    const { removed } = await pruneCache({ all: false, maxBytes: 2.5 * MiB }, services(), signal);
    expect(removed.map(({ name }) => name)).toEqual(all.slice(0, 2));
    expect(await names()).toEqual(all.slice(2));
    expect(removedTrees).toEqual([join(cacheDir, 'layers/base/aaaa')]);
    expect((await pruneCache({ all: false }, services(), signal)).removed).toEqual([]);
  });

  test('is emptied when all of it is to go', async () => {
    await pruneCache({ all: true }, services(), signal);
    expect(await names()).toEqual([]);
    expect(existsSync(join(cacheDir, 'packages/new.deb'))).toBe(false);
  });

  test('is not touched while a build uses it', async () => {
    await using _build = await lockFile(join(cacheDir, 'use.lock'), { shared: true });
    await expect(pruneCache({ all: true }, services(), signal)).rejects.toMatchObject({
      code: 'CONFLICT',
      hint: 'Try again when it has ended.',
    });
    await trimCache(services(0), signal);
    expect(await names()).toEqual(all);
  });

  test('is kept within its limit after builds, looked at once an hour', async () => {
    await trimCache(services(2.5 * MiB), signal);
    expect(await names()).toEqual(all.slice(2));
    await trimCache(services(0), signal);
    expect(await names()).toEqual(all.slice(2));
    await utimes(join(cacheDir, 'trimmed'), 0, 0);
    await trimCache(services(0), AbortSignal.abort());
    expect(await names()).toEqual(all.slice(2));
    await trimCache(services(0), signal);
    expect(await names()).toEqual([]);
  });
});
