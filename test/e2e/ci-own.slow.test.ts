import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { exec } from '../../src/util/exec.ts';
import { actPath, runAct } from '../peers/act.ts';

/** Of the project's own workflows: the job that ends within minutes. "test" is what runs this. */

const root = join(import.meta.dirname, '../..');

describe.skipIf(actPath === undefined)('the own workflow', () => {
  let folder = '';
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'act-own-'));
    await exec(['git', 'clone', '-q', root, join(folder, 'clone')]);
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it('builds the site of the documents', async () => {
    // A home of its own, and the registry and authorities of this host.
    const { stdout: settings } = await exec(['npm', 'config', 'get', 'globalconfig', 'cafile']);
    const host = Object.fromEntries(
      [...settings.matchAll(/^(?<name>\w+)\s*=\s*(?<value>\S+)$/gm)]
        .map(({ groups }) => [`npm_config_${groups?.['name'] ?? ''}`, groups?.['value'] ?? ''])
        .filter(([, value]) => value !== '' && value !== 'null'),
    ) as Record<string, string>;
    const { exitCode, log } = await runAct({
      env: { ...host, NODE_DISABLE_COMPILE_CACHE: '1' },
      folder: join(folder, 'clone'),
      workdir: join(folder),
      origin: root,
      event: 'push',
      job: 'docs',
      path: [dirname(process.execPath)],
    });
    expect([exitCode, exitCode === 0 ? '' : log]).toEqual([0, '']);
    expect(log).toContain('build complete');
  });
});
