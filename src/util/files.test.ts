import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile, mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { finishFile, writeFileAtomic, writeJson } from './files.ts';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'files-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

describe('writing a file whole or not at all', () => {
  test('replaces what was there, with the mode that was asked for', async () => {
    const path = join(folder, 'file');
    await writeFileAtomic(path, 'old');
    await writeFileAtomic(path, Buffer.from('new'), 0o600);
    expect(await readFile(path, 'utf8')).toBe('new');
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(await readdir(folder)).toEqual(['file']);
  });

  test('leaves the old file, and nothing else, when it cannot be done', async () => {
    const path = join(folder, 'taken');
    await mkdir(join(path, 'inside'), { recursive: true });
    await expect(writeFileAtomic(path, 'new')).rejects.toMatchObject({ syscall: 'rename' });
    expect(await readdir(folder)).toEqual(['taken']);
    await expect(writeFileAtomic(join(folder, 'none/file'), 'new')).rejects.toMatchObject({ code: 'ENOENT' });
  });

  test('never shows a reader a part of it', async () => {
    const path = join(folder, 'file');
    const texts = ['a', 'b', 'c', 'd'].map((letter) => letter.repeat(100_000));
    await writeFileAtomic(path, texts[0] ?? '');
    const state = { writing: true };
    const written = Promise.all(texts.map((text) => writeFileAtomic(path, text))).finally(() => (state.writing = false));
    while (state.writing) expect(texts).toContain(await readFile(path, 'utf8'));
    await written;
    expect(await readdir(folder)).toEqual(['file']);
  });

  test('writes JSON for people', async () => {
    await writeJson(join(folder, 'x.json'), { a: [1] });
    expect(await readFile(join(folder, 'x.json'), 'utf8')).toBe('{\n  "a": [\n    1\n  ]\n}\n');
  });
});

describe('finishing a file', () => {
  test('gives it its name, and fails when there is none', async () => {
    await writeFile(join(folder, 'x.part'), 'all of it');
    await chmod(join(folder, 'x.part'), 0o640);
    await finishFile(join(folder, 'x.part'), join(folder, 'x'));
    expect(await readFile(join(folder, 'x'), 'utf8')).toBe('all of it');
    expect(await readdir(folder)).toEqual(['x']);
    await expect(finishFile(join(folder, 'x.part'), join(folder, 'y'))).rejects.toMatchObject({ code: 'ENOENT' });
  });
});
