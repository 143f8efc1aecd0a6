import { createServer } from 'node:net';
import { existsSync } from 'node:fs';
import { readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createApp } from '../../src/app.ts';
import type { BuildResult } from '../../src/model/build.ts';
import { needs, needsRoot } from '../tools.ts';
import { type Failure, failureOf } from './failure.ts';
import { startGabarit, stillAlive } from './gabarit-process.ts';
import { type PreparedCache, prepareCache } from './prepared-cache.ts';

describe.skipIf(needsRoot() || needs('apt-get', 'dpkg-deb', 'unshare'))('an own script', () => {
  let prepared: PreparedCache;
  let number = 0;

  beforeAll(async () => {
    prepared = await prepareCache();
  });
  afterAll(async () => {
    await rm(prepared.folder, { recursive: true });
  });

  /** The plan of a template with that script; `more` are further keys of its entry. */
  async function planWith(script: string, more = ''): Promise<string> {
    number += 1;
    await writeFile(join(prepared.folder, `own-${number}.sh`), script);
    return prepared.planFile(`scripted-${number}`, `provisioning:\n  - script: own-${number}.sh\n${more}`);
  }

  async function build(planFile: string): Promise<BuildResult> {
    const app = await createApp({ cacheDir: prepared.cacheDir });
    const request = { templates: [], planFile, force: false, jobs: 1, checkReproducible: false, verify: false, offline: true };
    const [result] = await app.build({ ...request, outputDir: prepared.outputDir }, new AbortController().signal);
    if (result === undefined) throw new Error('there is no result');
    return result;
  }

  async function failing(planFile: string): Promise<Failure> {
    const result = await build(planFile);
    expect(result.outcome).toBe('failed');
    return failureOf(Promise.reject(result.error ?? new Error('no error')));
  }

  async function expectNothingLeft(): Promise<void> {
    expect(await readdir(join(prepared.cacheDir, 'runs'))).toEqual([]);
    expect(await stillAlive(prepared.cacheDir)).toEqual([]);
    const versions = await readdir(join(prepared.outputDir, `scripted-${number}`));
    expect(versions.filter((name) => name !== '.lock')).toEqual([]);
  }

  test.for([
    ['sh', '#!/bin/sh\nset -eu\necho all is well\necho "about to fail" >&2\nls /nowhere\n', 5, /ls \/nowhere/, /No such file/, 2],
    ['bash', '#!/bin/bash\nset -e\necho before\nfalse\necho never\n', 4, /false/, /^before$/, 1],
  ] as const)(
    'of %s that fails is told with its line, its last words and its exit code',
    async ([, script, line, command, last, code]) => {
      const failure = await failing(await planWith(script));
      expect(failure).toMatchObject({
        code: 'SCRIPT_FAILED',
        exit: 1,
        hint: 'Everything before it is kept: correct the script and build again.',
      });
      expect(failure.message).toMatch(
        new RegExp(`^The script own-${number}\\.sh failed at line ${line}: ${command.source} \\(exit code ${code}\\)$`),
      );
      expect(failure.faults[0]).toMatchObject({ line, message: expect.stringMatching(last) as string });
      expect(failure.faults[0]?.file).toBe(join(prepared.folder, `own-${number}.sh`));
      await expectNothingLeft();
    },
  );

  test('that was corrected builds, without doing the rest again', async () => {
    const result = await build(await planWith('#!/bin/sh\necho done >/etc/own\n'));
    expect(result.outcome).toBe('done');
    expect(result.seconds.map(([name]) => name).filter((name) => name.startsWith('base'))).toEqual([]);
    expect(await readdir(join(prepared.outputDir, `scripted-${number}`))).toContain(result.version);
  });

  test('may leave processes behind and kill what it can: they end with it, and nothing of ours does', async () => {
    const script = `#!/bin/bash
sleep 600 &
setsid --fork sleep 601
nohup sh -c 'while :; do sleep 1; done' </dev/null &
kill -9 $PPID 1
kill -TERM $PPID
kill -9 -1
echo "still here, as I must fail"
exit 7
`;
    const started = Date.now();
    const failure = await failing(await planWith(script));
    expect(failure.message).toMatch(/\(exit code (7|137)\)$/);
    expect(Date.now() - started).toBeLessThan(60_000);
    await expectNothingLeft();
  });

  test('that ends while its children still write is not waited for', async () => {
    const started = Date.now();
    const failure = await failing(
      await planWith('#!/bin/sh\nsleep 600 &\nsleep 601 >/dev/null 2>&1 &\necho last words\nexit 9\n'),
    );
    expect(failure.message).toMatch(/\(exit code 9\)$/);
    expect(failure.details['lastLines']).toContain('last words');
    expect(Date.now() - started).toBeLessThan(60_000);
    await expectNothingLeft();
  });

  test('that ends itself by a signal is told', async () => {
    const failure = await failing(await planWith('#!/bin/sh\necho dying\nkill -TERM $$\necho never\n'));
    expect(failure.message).toMatch(/\(exit code 143\)$/);
    expect(failure.details['lastLines']).toEqual(['dying', 'Terminated']);
  });

  test('reaches the network only where the template says so', async () => {
    const server = createServer((socket) => socket.end());
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    try {
      const { port } = server.address() as AddressInfo;
      const script = `#!/bin/bash\nexec 3<>/dev/tcp/127.0.0.1/${port} && echo connected\nexit 6\n`;
      const apart = await failing(await planWith(script));
      expect(apart.details['lastLines']).not.toContain('connected');
      expect(apart.faults[0]?.message).toMatch(/connect: .*unreachable|\/dev\/tcp/i);
      const connected = await failing(await planWith(script, '    network: true\n'));
      expect(connected.details['lastLines']).toContain('connected');
    } finally {
      server.close();
    }
  });

  test('that hangs can be cancelled within 5 seconds', async () => {
    const planFile = await planWith('#!/bin/sh\ntrap "" TERM INT HUP\necho hanging\nwhile :; do sleep 1; done\n');
    let cancelled = 0;
    const run = startGabarit(['build', '--plan', planFile], {
      ...prepared,
      onEvent(event, self) {
        if (event.type !== 'log' || event.message !== 'hanging') return;
        cancelled = Date.now();
        self.kill('SIGINT');
      },
    });
    expect(await run.ended).toBe(130);
    expect(Date.now() - cancelled).toBeLessThan(5000);
    expect(run.lines).toContainEqual(
      expect.objectContaining({ message: 'Cancelling; finished steps are kept. Once more to leave at once.' }),
    );
    expect(run.lines.at(-1)).toMatchObject({ type: 'result', results: [{ outcome: 'cancelled', error: { code: 'CANCELLED' } }] });
    await expectNothingLeft();
  });

  test('that was changed after the plan was made is refused', async () => {
    const planFile = await planWith('#!/bin/sh\n:\n');
    await writeFile(join(prepared.folder, `own-${number}.sh`), '#!/bin/sh\nrm -rf /\n');
    expect(await failing(planFile)).toMatchObject({
      code: 'DIGEST_MISMATCH',
      exit: 5,
      message: `${join(prepared.folder, `own-${number}.sh`)} is not what the plan was made with (own-${number}.sh)`,
      hint: 'Use the same Gabarit and the same files, or make a new plan.',
    });
    await rm(join(prepared.folder, `own-${number}.sh`));
    expect(await failing(planFile)).toMatchObject({
      code: 'PLAN_INVALID',
      exit: 3,
      message: expect.stringMatching(/which is not there$/) as string,
    });
    expect(existsSync(join(prepared.outputDir, `scripted-${number}`))).toBe(false);
  });
});
