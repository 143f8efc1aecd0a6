import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { digestOfFile } from '../../src/util/digest.ts';
import type { EmittedEvent } from '../../src/util/events.ts';
import { exec } from '../../src/util/exec.ts';
import { needs, needsRoot } from '../tools.ts';
import { type GabaritProcess, startGabarit, stillAlive } from './gabarit-process.ts';
import { type PreparedCache, prepareCache } from './prepared-cache.ts';

/** Names the moment of an event at which a build may be stopped. */
type BoundaryOf = (event: EmittedEvent) => string | undefined;

/** Everything at which a step begins, goes on to its next part, or ends. */
function stepBoundary(event: EmittedEvent): string | undefined {
  if (event.type === 'step.started' || event.type === 'step.finished') return `${event.type} ${event.step}`;
  if (event.type === 'run.started') return event.type;
  return event.type === 'step.progress' && event.step === 'provision' ? `provision ${event.note ?? ''}` : undefined;
}

/** Every part of the making of the base: fetching, configuring (one package of thirty), the initramfs, the disk. */
function baseBoundary(event: EmittedEvent): string | undefined {
  if (event.type !== 'step.progress') return undefined;
  if (event.step === 'base') return `base ${event.note?.split(' ')[0] ?? ''}`;
  return event.step === 'configure' && event.done % 30 === 0 ? `configure ${event.done}` : undefined;
}

describe.skipIf(needsRoot() || needs('apt-get', 'dpkg-deb', 'unshare'))('a build that is stopped', () => {
  let prepared: PreparedCache;
  let planFile: string;

  beforeAll(async () => {
    prepared = await prepareCache();
    planFile = join(prepared.folder, 'plan.json');
  });
  afterAll(async () => {
    await rm(prepared.folder, { recursive: true });
  });
  /** Undoes what builds have done, but for the base and its packages. */
  async function forget(): Promise<void> {
    for (const path of ['cache/layers/disk', 'cache/steps', 'out'])
      await rm(join(prepared.folder, path), { recursive: true, force: true });
  }
  beforeEach(forget);

  /**
   * Stops build after build at the first boundary that no earlier one was stopped at, until one ends by itself.
   * A build that was done before the signal reached it is made again, a few times, so that each boundary is met.
   */
  async function stopEverywhere(
    signal: NodeJS.Signals,
    afterEach: (run: GabaritProcess, place: string) => Promise<void>,
    boundaryOf: BoundaryOf = stepBoundary,
  ): Promise<{ places: string[]; late: string[]; last: GabaritProcess }> {
    const places: string[] = [];
    const late: string[] = [];
    for (;;) {
      let place: string | undefined;
      const run = startGabarit(['build', '--plan', planFile], {
        ...prepared,
        onEvent(event, self) {
          const boundary = boundaryOf(event);
          if (place !== undefined || boundary === undefined || places.includes(boundary)) return;
          place = boundary;
          places.push(boundary);
          self.kill(signal);
        },
      });
      const code = await run.ended;
      if (place === undefined) return { places, late, last: run };
      if (code !== 0) {
        await afterEach(run, place);
        continue;
      }
      await expectWholeImage(run);
      await forget();
      late.push(place);
      if (late.filter((other) => other === place).length < 5) places.pop();
    }
  }

  async function expectWholeImage(run: GabaritProcess): Promise<void> {
    expect(await run.ended, run.stderr.join('\n')).toBe(0);
    const templateDir = join(prepared.outputDir, prepared.plan.template.name);
    const names = (await readdir(templateDir)).filter((name) => name !== '.lock');
    expect(names.length).toBe(1);
    const disk = join(templateDir, names[0] ?? '', 'disk.qcow2');
    expect(await digestOfFile(disk)).toBe(prepared.diskDigest);
    const manifest = JSON.parse(await readFile(join(templateDir, names[0] ?? '', 'manifest.json'), 'utf8')) as {
      artifacts: object[];
    };
    expect(manifest.artifacts).toEqual([expect.objectContaining({ digest: prepared.diskDigest })]);
  }

  async function expectNothingLeft(): Promise<void> {
    expect(await readdir(join(prepared.cacheDir, 'runs'))).toEqual([]);
    const { stdout } = await exec([
      'find',
      prepared.cacheDir,
      prepared.outputDir,
      '-name',
      'tree',
      '-prune',
      '-o',
      '-name',
      '*.part',
      '-print',
    ]);
    expect(stdout).toBe('');
    expect(await stillAlive(prepared.cacheDir)).toEqual([]);
  }

  const images = async (): Promise<string[]> =>
    (await readdir(join(prepared.outputDir, prepared.plan.template.name)).catch(() => [] as string[])).filter((name) =>
      /^\d/.test(name),
    );

  test('by kill -9 at every boundary of a step goes on where it was, and comes to the same bytes', async () => {
    const { places, last } = await stopEverywhere('SIGKILL', async (run, place) => {
      expect(await run.ended).toBe('SIGKILL');
      expect(await stillAlive(prepared.cacheDir), `after ${place}`).toEqual([]);
      expect(await images(), `after ${place}`).toEqual([]);
    });
    expect(places.length).toBeGreaterThanOrEqual(14);
    await expectWholeImage(last);
    await expectNothingLeft();
  });

  test.skipIf(process.env['GABARIT_SLOW'] === undefined)('by kill -9 in every part of the making of the base', async () => {
    await rm(join(prepared.cacheDir, 'layers/base'), { recursive: true });
    const onStopped = async (run: GabaritProcess, place: string): Promise<void> => {
      expect(await run.ended).toBe('SIGKILL');
      expect(await stillAlive(prepared.cacheDir), `after ${place}`).toEqual([]);
    };
    const { places, last } = await stopEverywhere('SIGKILL', onStopped, baseBoundary);
    expect(places.length, places.join(', ')).toBeGreaterThanOrEqual(6);
    await expectWholeImage(last);
    await expectNothingLeft();
  });

  test('by Ctrl-C at every boundary of a step ends with 130, says what is kept, and leaves nothing', async () => {
    const { places, late, last } = await stopEverywhere('SIGINT', async (run, place) => {
      expect(await run.ended, place).toBe(130);
      expect(run.lines, place).toContainEqual(
        expect.objectContaining({ message: 'Cancelling; finished steps are kept. Once more to leave at once.' }),
      );
      expect(run.lines.at(-1), place).toMatchObject({
        type: 'result',
        results: [{ outcome: 'cancelled', error: { code: 'CANCELLED', exit: 130 } }],
      });
      expect(await images(), place).toEqual([]);
      await expectNothingLeft();
    });
    expect(places.length).toBeGreaterThanOrEqual(14);
    // The last step takes some tenths of a second: where we hear of it late, nothing is left to cancel.
    const mayBeLate = ['step.finished check', 'step.started inventory', 'step.finished inventory'];
    const alwaysLate = places.filter((place) => late.filter((other) => other === place).length >= 5);
    expect(alwaysLate.filter((place) => !mayBeLate.includes(place))).toEqual([]);
    await expectWholeImage(last);
  });

  test('beside another of the same template waits for it, and then has nothing to do', async () => {
    const both = [0, 1].map(() => startGabarit(['build', '--plan', planFile], prepared));
    const codes = await Promise.all(both.map((run) => run.ended));
    expect(codes).toEqual([0, 0]);
    const outcomes = both.map((run) => (run.lines.at(-1) as unknown as { results: { outcome: string }[] }).results[0]?.outcome);
    expect(new Set(outcomes)).toEqual(new Set(['done', 'unchanged']));
    const waiting = both[outcomes.indexOf('unchanged')];
    expect(waiting?.lines).toContainEqual(
      expect.objectContaining({ message: `Waiting for another build of ${prepared.plan.template.name}` }),
    );
    await expectWholeImage(waiting as GabaritProcess);
    await expectNothingLeft();
  });

  test('is not robbed of its cache; afterwards the cache can be emptied, and is', async () => {
    let pruning: Promise<GabaritProcess> | undefined;
    const run = startGabarit(['build', '--plan', planFile], {
      ...prepared,
      onEvent(event) {
        if (event.type !== 'step.started' || event.step !== 'provision') return;
        const prune = startGabarit(['cache', 'prune', '--all'], prepared);
        pruning = prune.ended.then(() => prune);
      },
    });
    expect(await run.ended).toBe(0);
    const refused = await pruning;
    expect(await refused?.ended).toBe(7);
    expect(refused?.lines.at(-1)).toMatchObject({
      type: 'error',
      code: 'CONFLICT',
      message: 'A build is using the cache',
      hint: 'Try again when it has ended.',
    });
    await expectWholeImage(run);
    const some = startGabarit(['cache', 'prune', '--max-size', '300MiB'], prepared);
    expect(await some.ended).toBe(0);
    const list = startGabarit(['cache', 'ls'], prepared);
    await list.ended;
    const entries = list.lines.at(-1) as unknown as { size: number }[];
    expect(entries.reduce((sum, { size }) => sum + size, 0)).toBeLessThanOrEqual(300 * 2 ** 20);
    const all = startGabarit(['cache', 'prune', '--all'], prepared);
    expect(await all.ended).toBe(0);
    for (const kind of ['layers/base', 'layers/disk', 'packages', 'steps'])
      expect((await readdir(join(prepared.cacheDir, kind))).filter((name) => !name.endsWith('.lock'))).toEqual([]);
  });
});
