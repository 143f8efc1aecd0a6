import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { StepContext } from '../../model/step.ts';
import { digestOfJson } from '../../util/digest.ts';
import { Scope } from '../../util/scope.ts';
import { ensureLayer } from './layers.ts';

let folder = '';
let scope: Scope;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'layers-'));
  scope = new Scope();
});
afterEach(async () => {
  await scope[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

let runs = 0;
async function contextOf(force = false): Promise<StepContext> {
  const workdir = join(folder, `run-${++runs}`);
  await mkdir(workdir);
  const { signal } = new AbortController();
  return { workdir, cacheDir: join(folder, 'cache'), offline: true, force, signal, scope, emit: () => undefined };
}

const digest = digestOfJson('a recipe');
const writing =
  (text: string) =>
  async (part: string): Promise<string> => {
    await writeFile(join(part, 'disk.raw'), text);
    return text;
  };
const contentOf = (layer: { folder: string }): Promise<string> => readFile(join(layer.folder, 'disk.raw'), 'utf8');

test('a layer is made once, and found afterwards', async () => {
  const made = await ensureLayer('disk', digest, writing('first'), await contextOf());
  expect(made).toMatchObject({ facts: 'first', reused: false });
  const found = await ensureLayer('disk', digest, writing('second'), await contextOf());
  expect(found).toMatchObject({ folder: made.folder, facts: 'first', reused: true });
  expect(await contentOf(found)).toBe('first');
});

test('builds at the same time make it once between them', async () => {
  let makings = 0;
  const make = async (part: string): Promise<string> => {
    makings += 1;
    return writing('once')(part);
  };
  const contexts = await Promise.all([contextOf(), contextOf(), contextOf()]);
  const layers = await Promise.all(contexts.map((ctx) => ensureLayer('disk', digest, make, ctx)));
  expect(makings).toBe(1);
  expect(layers.filter(({ reused }) => reused)).toHaveLength(2);
});

test('what is made anew on request replaces the one before only when it is whole', async () => {
  const { folder: layer } = await ensureLayer('disk', digest, writing('before'), await contextOf());
  const failing = async (part: string): Promise<string> => {
    await writing('half')(part);
    throw new Error('no more room');
  };
  await expect(ensureLayer('disk', digest, failing, await contextOf(true))).rejects.toThrow('no more room');
  expect(await contentOf({ folder: layer })).toBe('before');

  const anew = await contextOf(true);
  for (const text of ['after', 'after that']) {
    expect(await ensureLayer('disk', digest, writing(text), anew)).toMatchObject({ facts: text, reused: false });
    expect(await contentOf({ folder: layer })).toBe(text);
  }
});
