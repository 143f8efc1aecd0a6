import { mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { StepContext } from '../model/step.ts';
import { start } from '../util/exec.ts';
import { Scope } from '../util/scope.ts';
import { openRun, sweepRuns } from './runs.ts';

let cacheDir = '';
beforeEach(async () => {
  cacheDir = await mkdtemp(join(tmpdir(), 'runs-'));
});
afterEach(() => rm(cacheDir, { recursive: true, force: true }));

const sweep = (): Promise<string[]> => {
  const ctx: StepContext = {
    workdir: cacheDir,
    cacheDir,
    offline: true,
    force: false,
    signal: new AbortController().signal,
    scope: new Scope(),
    emit: () => undefined,
  };
  return sweepRuns(ctx, async (paths) => {
    for (const path of paths) await rm(path, { recursive: true });
  });
};

describe('the work folder of a run', () => {
  test('is its own, and is left alone while it runs', async () => {
    const scope = new Scope();
    const [one, two] = [await openRun(cacheDir, 'debian-12', scope), await openRun(cacheDir, 'debian-12', scope)];
    expect(one.workdir).not.toBe(two.workdir);
    expect((await stat(one.workdir)).isDirectory()).toBe(true);
    expect(await sweep()).toEqual([]);
    expect(await readdir(join(cacheDir, 'runs'))).toHaveLength(4);
    await scope.close();
    expect((await readdir(join(cacheDir, 'runs'))).filter((name) => name.endsWith('.lock'))).toEqual([]);
  });

  test('is swept when its run was killed', async () => {
    const module = join(import.meta.dirname, 'runs.ts');
    const script = `import { openRun } from ${JSON.stringify(module)};
      const run = await openRun(${JSON.stringify(cacheDir)}, 'killed', { defer() {} });
      (await import('node:fs')).writeFileSync(run.workdir + '/half', 'x'); console.log('ready'); setInterval(() => 0, 1000);`;
    const child = start([process.execPath, '--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'ignore'] });
    await new Promise((resolve) => child.stdout?.once('data', resolve));
    expect(await sweep()).toEqual([]);
    const gone = new Promise((resolve) => child.once('close', resolve));
    child.kill('SIGKILL');
    await gone;
    // The kernel frees the lock when the child that holds it has noticed.
    await expect.poll(sweep, { timeout: 5000 }).toEqual([expect.stringMatching(/^killed-[0-9a-f]{8}$/)]);
    expect(await readdir(join(cacheDir, 'runs'))).toEqual([]);
  });

  test('whose removal fails is tried again the next time', async () => {
    await mkdir(join(cacheDir, 'runs/x-1'), { recursive: true });
    await writeFile(join(cacheDir, 'runs/x-1.lock'), '');
    const ctx = { cacheDir } as StepContext;
    await expect(sweepRuns(ctx, () => Promise.reject(new Error('busy')))).rejects.toThrow('busy');
    expect(await sweep()).toEqual(['x-1']);
  });

  test('needs no sweeping in an empty cache', async () => {
    expect(await sweep()).toEqual([]);
  });
});
