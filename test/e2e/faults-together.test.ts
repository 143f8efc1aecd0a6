import { cp, readdir, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { needs, needsRoot } from '../tools.ts';
import { startGabarit, stillAlive } from './gabarit-process.ts';
import { type PreparedCache, prepareCache } from './prepared-cache.ts';

describe.skipIf(needsRoot() || needs('apt-get', 'dpkg-deb', 'unshare'))('several templates at once', () => {
  let prepared: PreparedCache;
  beforeAll(async () => {
    prepared = await prepareCache();
  });
  afterAll(async () => {
    await rm(prepared.folder, { recursive: true });
  });

  test('that fail do not stop the others, and the exit code says so', async () => {
    const shared = process.env['GABARIT_CACHE'] ?? join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'gabarit');
    for (const name of ['apt', 'apt-keys'])
      await cp(join(shared, name), join(prepared.cacheDir, name), { recursive: true }).catch(() => undefined);
    const define = async (name: string, more: string): Promise<string> => {
      const path = join(prepared.folder, `${name}.yaml`);
      await writeFile(path, `name: ${name}\nextends: debian-12-minimal\n${more}`);
      return path;
    };
    await writeFile(join(prepared.folder, 'bad.sh'), '#!/bin/sh\nexit 3\n');
    const templates = [
      await define('bad-script', 'provisioning:\n  - script: bad.sh\n'),
      await define('bad-package', 'packages:\n  add: [there-is-no-such-package]\n'),
      await define('good', 'description: one that is right\n'),
    ];
    const run = startGabarit(['build', ...templates, '--jobs', '2', '--offline'], prepared);
    // The largest of the exit codes: PACKAGE_NOT_FOUND is 3, SCRIPT_FAILED is 1.
    expect(await run.ended).toBe(3);
    expect(run.lines.at(-1)).toMatchObject({
      results: [
        { template: 'bad-script', outcome: 'failed', error: { code: 'SCRIPT_FAILED' } },
        { template: 'bad-package', outcome: 'failed', error: { code: 'PACKAGE_NOT_FOUND' } },
        { template: 'good', outcome: 'done' },
      ],
    });
    const images = await readdir(join(prepared.outputDir, 'good'));
    expect(images.filter((name) => name !== '.lock').length).toBe(1);
    expect(await readdir(join(prepared.cacheDir, 'runs'))).toEqual([]);
    expect(await stillAlive(prepared.cacheDir)).toEqual([]);
  });
});
