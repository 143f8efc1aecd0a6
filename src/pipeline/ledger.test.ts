import { mkdtemp, readFile, rm, stat, truncate, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { StepContext } from '../model/step.ts';
import type { EventBody } from '../util/events.ts';
import { Scope } from '../util/scope.ts';
import { runStep, type Step } from './ledger.ts';

let cacheDir = '';
let events: EventBody[] = [];
let runs = 0;
beforeEach(async () => {
  cacheDir = await mkdtemp(join(tmpdir(), 'ledger-'));
  events = [];
  runs = 0;
});
afterEach(() => rm(cacheDir, { recursive: true, force: true }));

const context = (more: Partial<StepContext> = {}): StepContext => ({
  workdir: cacheDir,
  cacheDir,
  offline: true,
  force: false,
  signal: new AbortController().signal,
  scope: new Scope(),
  emit: (event) => events.push(event),
  ...more,
});

interface Input {
  text: string;
  more?: number;
}
const step: Step<Input, { path: string }> = {
  id: 'write',
  title: 'Write',
  revision: 1,
  async run({ text }, _, folder) {
    runs += 1;
    const path = join(folder, 'out');
    await writeFile(path, text);
    if (text === 'fails') throw new Error('broke in the middle');
    return { path };
  },
  files: ({ path }) => [path],
};

describe('a finished step', () => {
  test('is used again for the same input, whatever the order of its keys', async () => {
    const first = await runStep(step, { text: 'a', more: 1 }, context());
    const second = await runStep(step, { more: 1, text: 'a' }, context());
    expect([first.reused, second.reused, runs]).toEqual([false, true, 1]);
    expect(second.output).toEqual(first.output);
    expect(events.map(({ type }) => type)).toEqual(['step.started', 'step.finished', 'step.started', 'step.finished']);
    expect(events.at(-1)).toMatchObject({ step: 'write', reused: true });
  });

  test('is done again for other input, a new revision, another step, or when forced', async () => {
    await runStep(step, { text: 'a' }, context());
    await runStep(step, { text: 'b' }, context());
    await runStep({ ...step, revision: 2 }, { text: 'a' }, context());
    await runStep({ ...step, id: 'other' }, { text: 'a' }, context());
    await runStep(step, { text: 'a' }, context({ force: true }));
    expect(runs).toBe(5);
  });

  test.each([
    ['is gone', (path: string) => rm(path)],
    ['is shorter', (path: string) => truncate(path, 0)],
    ['was touched', (path: string) => utimes(path, 1, 1)],
  ])('is done again when its file %s', async (_, spoil) => {
    const { output } = await runStep(step, { text: 'a' }, context());
    await spoil(output.path);
    expect((await runStep(step, { text: 'a' }, context())).reused).toBe(false);
    expect(await readFile(output.path, 'utf8')).toBe('a');
  });

  test('is done again when its record is damaged', async () => {
    const { output } = await runStep(step, { text: 'a' }, context());
    for (const damage of ['', '{"output":', '{}', 'null']) {
      await writeFile(join(output.path, '../step.json'), damage);
      expect((await runStep(step, { text: 'a' }, context())).reused, damage).toBe(false);
    }
  });

  test('is marked as used, so that the cache keeps it', async () => {
    const { output } = await runStep(step, { text: 'a' }, context());
    const folder = join(output.path, '..');
    await utimes(folder, 1000, 1000);
    await runStep(step, { text: 'a' }, context());
    expect((await stat(folder)).mtimeMs).toBeGreaterThan(Date.now() - 60_000);
  });
});

describe('a step that fails', () => {
  test('says so, and is never taken for done', async () => {
    for (let attempt = 0; attempt < 2; attempt += 1)
      await expect(runStep(step, { text: 'fails' }, context())).rejects.toThrow('broke in the middle');
    expect(runs).toBe(2);
    expect(events.at(-1)).toMatchObject({ type: 'step.failed', step: 'write', message: 'broke in the middle' });
  });

  test('whose earlier work was right is not spoilt by a forced one that fails half-way', async () => {
    await runStep(step, { text: 'a' }, context());
    const broken = {
      ...step,
      run: async (...[, , folder]: Parameters<typeof step.run>) => {
        await writeFile(join(folder, 'out'), 'half of it');
        throw new Error('killed');
      },
    };
    await expect(runStep(broken, { text: 'a' }, context({ force: true }))).rejects.toThrow('killed');
    const again = await runStep(step, { text: 'a' }, context());
    expect(again.reused).toBe(false);
    expect(await readFile(again.output.path, 'utf8')).toBe('a');
  });

  test('does not begin after a cancellation', async () => {
    await expect(runStep(step, { text: 'a' }, context({ signal: AbortSignal.abort() }))).rejects.toMatchObject({
      name: 'AbortError',
    });
    expect(runs).toBe(0);
  });
});
