import { rm } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { needs, needsRoot } from '../tools.ts';
import { type PreparedCache, prepareCache } from './prepared-cache.ts';
import { growUntilItFits } from './small-disk.ts';

describe.skipIf(needsRoot() || needs('apt-get', 'dpkg-deb', 'mount', 'unshare'))(
  'a full disk is told, nothing half-written is left, and with more space it goes on',
  () => {
    let prepared: PreparedCache;
    beforeAll(async () => {
      prepared = await prepareCache();
    });
    afterAll(async () => {
      await rm(prepared.folder, { recursive: true });
    });

    test('under the cache', async () => {
      const failures = await growUntilItFits(prepared, ['packages', 'layers/base'], [1, 8, 60, 120, 2000]);
      expect(new Set(failures.map(({ step }) => step))).toEqual(new Set(['provision', 'convert']));
    });

    test('under the output', async () => {
      const failures = await growUntilItFits(prepared, 'cache', [1, 60, 400]);
      expect(failures).toEqual([
        { step: 'output', sizeMiB: 1 },
        { step: 'output', sizeMiB: 60 },
      ]);
    });
  },
);
