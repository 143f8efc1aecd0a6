import { lstat, mkdir, mkdtemp, readdir, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { needs, needsRoot } from '../../../test/tools.ts';
import { exec } from '../../util/exec.ts';
import { Scope } from '../../util/scope.ts';
import { holdInMemory } from './hold-in-memory.ts';

describe.skipIf(needs('mount') || needsRoot())('a folder that is held in memory', () => {
  let folder = '';
  let held = '';
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'hold-'));
    held = join(folder, 'held');
    await mkdir(join(held, 'below'), { recursive: true });
    await writeFile(join(held, 'stays'), 'a');
    await writeFile(join(held, 'below/goes'), 'b');
  });
  afterEach(() => rm(folder, { recursive: true }));

  test('gets back what was made of it, and nothing that was removed', async () => {
    await using scope = new Scope();
    const memory = await holdInMemory(held, folder, scope);
    expect((await exec(['stat', '--file-system', '--format=%T', held])).stdout.trim()).toBe('tmpfs');
    await rm(join(held, 'below/goes'));
    await writeFile(join(held, 'new'), 'c', { mode: 0o640 });
    await utimes(join(held, 'new'), 1, 2);
    await symlink('new', join(held, 'link'));
    await memory.putBack();
    expect((await exec(['stat', '--file-system', '--format=%T', held])).stdout.trim()).not.toBe('tmpfs');
    expect((await readdir(held, { recursive: true })).toSorted()).toEqual(['below', 'link', 'new', 'stays']);
    const found = await lstat(join(held, 'new'));
    expect([found.mode & 0o777, found.mtimeMs]).toEqual([0o640, 2000]);
  });

  test('is as before when its scope closes first', async () => {
    {
      await using scope = new Scope();
      await holdInMemory(held, folder, scope);
      await writeFile(join(held, 'new'), 'c');
    }
    expect((await readdir(held, { recursive: true })).toSorted()).toEqual(['below', 'below/goes', 'stays']);
  });
});
