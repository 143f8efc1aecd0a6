import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { distros, planOfDefinition } from '../../../test/packer-folders.ts';
import { needs } from '../../../test/tools.ts';
import type { Built } from '../../model/engine.ts';
import type { StepContext } from '../../model/step.ts';
import { digestOfFile } from '../../util/digest.ts';
import type { EventBody } from '../../util/events.ts';
import { Scope } from '../../util/scope.ts';
import { packerEngine } from './index.ts';

/** What is done again, and what is not: a program in the place of Packer fails so often, with these words, and then makes a disk. */

let folder: string;
const events: EventBody[] = [];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'again-'));
  events.length = 0;
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function build(version: string, failures: string[], cancel?: AbortController): Promise<{ built: Built; runs: number }> {
  const command = join(folder, 'packer-in-place');
  const cases = failures.map((words, index) => `${index + 1}) echo "1700000000,,ui,error,${words}"; exit 1 ;;`);
  await writeFile(
    command,
    `#!/bin/sh
[ "$1" != version ] || { echo "Packer v${version}"; exit; }
echo run >>${folder}/runs
for argument; do case $argument in output_directory=*) output=\${argument#*=} ;; esac; done
[ ! -e "$output" ] || { echo "1700000000,,ui,error,Output directory '$output' already exists."; exit 1; }
mkdir "$output"
case $(wc -l <${folder}/runs) in
${cases.join('\n')}
esac
echo made >"$output/disk.raw"
`,
    { mode: 0o755 },
  );
  const image = join(folder, 'image.qcow2');
  await writeFile(image, 'an image');
  const source = { url: `file://${image}`, digest: await digestOfFile(image) };
  const plan = await planOfDefinition({
    distro: 'debian',
    release: '12',
    engine: { name: 'packer', options: { builder: 'qemu', source } },
  });
  const workdir = join(folder, 'work');
  await mkdir(workdir, { recursive: true });
  await using scope = new Scope();
  const ctx: StepContext = {
    workdir,
    cacheDir: join(folder, 'cache'),
    offline: false,
    force: false,
    signal: (cancel ?? new AbortController()).signal,
    scope,
    emit: (event) => {
      events.push(event);
      if (event.type === 'log' && event.message.includes('Trying again')) cancel?.abort();
    },
  };
  const engine = packerEngine({ distros, proveKvm: async () => ({ usable: false, reason: 'a test' }), command, pauseMs: 100 });
  const built = await engine.build(plan, ctx);
  return { built, runs: await runs() };
}

async function runs(): Promise<number> {
  return (await readFile(join(folder, 'runs'), 'utf8')).trim().split('\n').length;
}

const busy = 'Error finding port: no port was free';

describe.skipIf(needs('setpriv', 'ssh-keygen', 'qemu-system-x86_64'))('a run of Packer', () => {
  test('that may go well the next time is done again, after longer and longer pauses', async () => {
    const started = performance.now();
    const { built, runs: count } = await build('1.6.6', [busy, busy]);
    expect(count).toBe(3);
    expect(performance.now() - started).toBeGreaterThan(400);
    expect(await readFile(built.disk, 'utf8')).toBe('made\n');
    const said = events.flatMap((event) => (event.type === 'log' && event.level === 'warn' ? [event.message] : []));
    expect(said.filter((line) => line.includes('Trying again')).map((line) => /in ([\d.]+) s/.exec(line)?.[1])).toEqual([
      '0.1',
      '0.3',
    ]);
  });

  test('is not done a fourth time', async () => {
    await expect(build('1.6.6', [busy, busy, busy, busy])).rejects.toMatchObject({ code: 'HOST_NOT_READY' });
    expect(await runs()).toBe(3);
  });

  test('that a person must help is not done again', async () => {
    await expect(build('1.6.6', ['Script exited with non-zero exit status: 3'])).rejects.toMatchObject({ code: 'SCRIPT_FAILED' });
    expect(await runs()).toBe(1);
  });

  test('is not done again when the build is cancelled meanwhile', async () => {
    await expect(build('1.6.6', [busy], new AbortController())).rejects.toThrow();
    expect(await runs()).toBe(1);
  });

  test.each([
    ['1.6.6', {}],
    ['1.9.4', { 'packer-plugin-qemu': '1.0.9' }],
  ])('of %s tells its version, and that of a plugin which is not part of it', async (version, plugin) => {
    const { built } = await build(version, []);
    expect(built.tools).toEqual({ packer: version, ...plugin, qemu: expect.any(String) as string });
  });
});
