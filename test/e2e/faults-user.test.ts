import { chmod, copyFile, cp, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { createApp } from '../../src/app.ts';
import { digestOfFile } from '../../src/util/digest.ts';
import { exec } from '../../src/util/exec.ts';
import { needs, needsRoot } from '../tools.ts';
import { failureOf } from './failure.ts';
import { startGabarit, stillAlive } from './gabarit-process.ts';
import { type OrdinaryUser, stranger, userWithRange } from './ordinary-user.ts';
import { type PreparedCache, prepareCache } from './prepared-cache.ts';

describe.skipIf(needsRoot() || needs('apt-get', 'dpkg-deb', 'newuidmap', 'setpriv', 'unshare'))('a plan', () => {
  let prepared: PreparedCache;
  beforeAll(async () => {
    prepared = await prepareCache();
  });
  afterAll(async () => {
    await rm(prepared.folder, { recursive: true });
  });

  /** Gives the plan and its packages to somebody, and builds it as that user. */
  async function buildAs(user: OrdinaryUser): Promise<ReturnType<typeof startGabarit>> {
    onTestFinished(() => user.remove());
    const cacheDir = join(user.folder, 'cache');
    await mkdir(cacheDir);
    await cp(join(prepared.cacheDir, 'packages'), join(cacheDir, 'packages'), { recursive: true });
    await copyFile(join(prepared.folder, 'plan.json'), join(user.folder, 'plan.json'));
    await exec(['chown', '-R', `--reference=${user.folder}`, user.folder]);
    const run = startGabarit(['build', '--plan', join(user.folder, 'plan.json')], {
      cacheDir,
      outputDir: join(user.folder, 'out'),
      ...user,
    });
    await run.ended;
    expect(await stillAlive(user.folder)).toEqual([]);
    return run;
  }

  test('gives an ordinary user the same bytes as root', async () => {
    const user = await userWithRange();
    const run = await buildAs(user);
    expect(run.lines.at(-1), JSON.stringify(run.lines.at(-1))).toMatchObject({ results: [{ outcome: 'done' }] });
    expect(await run.ended).toBe(0);
    const { results } = run.lines.at(-1) as unknown as { results: { output: string }[] };
    expect(await digestOfFile(join(results[0]?.output ?? '', 'disk.qcow2'))).toBe(prepared.diskDigest);
    expect(await readdir(join(user.folder, 'cache/runs'))).toEqual([]);
  });

  test('cannot be built by who may not have namespaces, who is told what to do', async () => {
    const user = await stranger();
    const run = await buildAs(user);
    expect(await run.ended).toBe(4);
    expect(run.lines.at(-1)).toMatchObject({
      results: [
        {
          outcome: 'failed',
          error: {
            code: 'HOST_NOT_READY',
            exit: 4,
            message: expect.stringMatching(/^This user may not make a namespace: /) as string,
            hint: expect.stringContaining('/etc/subuid') as string,
          },
        },
      ],
    });
    expect(await readdir(join(user.folder, 'cache/runs'))).toEqual([]);
    expect((await readdir(join(user.folder, 'cache/layers/base'))).filter((name) => !name.endsWith('.lock'))).toEqual([]);
  });

  test('cannot be built in a cache or to a place that the user may not write to', async () => {
    const user = await stranger();
    onTestFinished(() => user.remove());
    await chmod(user.folder, 0o555);
    const plan = join(user.folder, 'plan.json');
    await copyFile(join(prepared.folder, 'plan.json'), plan);
    await exec(['chown', '-R', 'root:root', user.folder]);
    const run = startGabarit(['build', '--plan', plan], {
      cacheDir: join(user.folder, 'cache'),
      outputDir: join(user.folder, 'out'),
      ...user,
    });
    expect(await run.ended).toBe(4);
    expect(run.lines.at(-1)).toMatchObject({ code: 'HOST_NOT_READY', hint: expect.stringContaining('GABARIT_CACHE') as string });
  });

  test.for([
    ['is not JSON', (text: string) => text.slice(0, 100), 'PLAN_INVALID', 3, /is not JSON$/],
    [
      'is of a newer Gabarit',
      (text: string) => text.replace('gabarit.plan/1', 'gabarit.plan/2'),
      'PLAN_INVALID',
      3,
      /written as gabarit\.plan\/2; this Gabarit knows gabarit\.plan\/1$/,
    ],
    [
      'lacks something',
      (text: string) => text.replace('"guestSources"', '"guestSource"'),
      'PLAN_INVALID',
      3,
      /is not a gabarit\.plan\/1 document$/,
    ],
    [
      'was changed by hand',
      (text: string) => text.replace('Etc/UTC', 'Etc/GMT'),
      'DIGEST_MISMATCH',
      5,
      /was changed after it was made/,
    ],
    [
      'names another package',
      (text: string) => text.replace(/"sha256":"./, '"sha256":"0'),
      'DIGEST_MISMATCH',
      5,
      /was changed after it was made/,
    ],
  ] as const)('that %s is refused before anything is done', async ([, change, code, exit, message]) => {
    const text = await readFile(join(prepared.folder, 'plan.json'), 'utf8');
    const planFile = join(prepared.folder, 'changed.json');
    const changed = change(text);
    expect(changed).not.toBe(text);
    await writeFile(planFile, changed);
    const app = await createApp({ cacheDir: prepared.cacheDir });
    const request = { templates: [], planFile, force: false, jobs: 1, checkReproducible: false, verify: false, offline: true };
    const [result] = await app.build({ ...request, outputDir: prepared.outputDir }, new AbortController().signal);
    expect(result?.outcome).toBe('failed');
    const failure = await failureOf(Promise.reject(result?.error ?? new Error('no error')));
    expect(failure).toMatchObject({ code, exit, message: expect.stringMatching(message) as string });
    expect(failure.message).toContain(planFile);
    expect(await readdir(prepared.outputDir).catch(() => [])).toEqual([]);
  });
});
