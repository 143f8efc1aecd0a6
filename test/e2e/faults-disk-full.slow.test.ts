import { rm } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { needs, needsRoot } from '../tools.ts';
import { type PreparedCache, prepareCache } from './prepared-cache.ts';
import { growUntilItFits } from './small-disk.ts';

describe.skipIf(needsRoot() || needs('apt-get', 'dpkg-deb', 'mount', 'unshare'))('a full disk from the first package on', () => {
  let prepared: PreparedCache;
  beforeAll(async () => {
    prepared = await prepareCache();
  });
  afterAll(async () => {
    await rm(prepared.folder, { recursive: true });
  });

  test('is told at every stage, and with more space the build goes on', async () => {
    const sizes = [1, 20, 60, 150, 300, 450, 520, 600, 700, 800, 900, 1000, 1150, 1300, 4000];
    const failures = await growUntilItFits(prepared, [], sizes);
    expect(new Set(failures.map(({ step }) => step))).toEqual(new Set(['base', 'provision', 'convert']));
  });
});
