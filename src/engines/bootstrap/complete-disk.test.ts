import { existsSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { disks, extentsOf, testFolder, writeDisk } from '../../../test/disks.ts';
import { completeDisk } from './complete-disk.ts';

const never = new AbortController().signal;

test('a disk becomes its base with the changes on top, however often it is asked for', async () => {
  await using folder = await testFolder();
  const small = disks.filter(({ size }) => size <= 2 ** 20);
  const property = fc.asyncProperty(small, small, async (base, { pieces }) => {
    const changes = pieces.filter(({ offset, length }) => offset + length <= base.size);
    await writeDisk(folder.file('base.raw'), base);
    await writeDisk(folder.file('disk.raw'), { size: base.size, pieces: changes });
    await rm(folder.file('whole'), { force: true });
    await writeDisk(folder.file('expected'), { size: base.size, pieces: [...base.pieces, ...changes] });
    for (const _ of ['fills it', 'finds it whole']) {
      await completeDisk(folder.path, folder.file('base.raw'), extentsOf(changes), never);
      expect((await readFile(folder.file('disk.raw'))).equals(await readFile(folder.file('expected')))).toBe(true);
    }
  });
  await fc.assert(property, { numRuns: 40 });
});

test('a disk that was not filled to its end is not taken for whole', async () => {
  await using folder = await testFolder();
  const size = 3_000_000;
  await writeDisk(folder.file('base.raw'), { size, pieces: [{ kind: 'noise', offset: 0, length: size }] });
  await writeDisk(folder.file('disk.raw'), { size, pieces: [] });
  const stop = new AbortController();
  stop.abort();
  await expect(completeDisk(folder.path, folder.file('base.raw'), [], stop.signal)).rejects.toThrow();
  expect(existsSync(folder.file('whole'))).toBe(false);
  await completeDisk(folder.path, folder.file('base.raw'), [], never);
  expect((await readFile(folder.file('disk.raw'))).equals(await readFile(folder.file('base.raw')))).toBe(true);
});
