import { open } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { testFolder, writeDisk } from '../../test/disks.ts';
import { needs } from '../../test/tools.ts';
import { blocksOf, dataExtents, extentsOutside } from './extents.ts';

const disk = {
  size: 50_000_000,
  pieces: [
    { kind: 'text' as const, offset: 8_000_000, length: 100_000 },
    { kind: 'noise' as const, offset: 30_000_000, length: 5_000_000 },
  ],
};

it.skipIf(needs('perl'))('finds the data and little more', async () => {
  await using folder = await testFolder();
  await writeDisk(folder.file('disk'), disk);
  const extents = await dataExtents(folder.file('disk'));
  for (const { offset, length } of disk.pieces) {
    expect(extents.some(({ start, end }) => start <= offset && end >= offset + length)).toBe(true);
  }
  expect(extents.reduce((sum, { start, end }) => sum + end - start, 0)).toBeLessThan(6_000_000);
});

it('takes the whole file for data where holes can not be asked for', async () => {
  await using folder = await testFolder();
  await writeDisk(folder.file('disk'), disk);
  for (const perl of ['no-such-command', 'false', 'echo']) {
    expect(await dataExtents(folder.file('disk'), undefined, perl)).toEqual([{ start: 0, end: disk.size }]);
  }
});

it('finds nothing in a file that is one hole, or empty', async () => {
  await using folder = await testFolder();
  for (const size of [0, 1_000_000]) {
    await using file = await open(folder.file('disk'), 'w');
    await file.truncate(size);
    expect(await dataExtents(folder.file('disk'))).toEqual([]);
  }
});

it('lists each block once, in order', () => {
  const extents = [
    { start: 0, end: 1 },
    { start: 5, end: 21 },
    { start: 25, end: 30 },
  ];
  expect(blocksOf(extents, 10)).toEqual([0, 1, 2]);
  expect(blocksOf([], 10)).toEqual([]);
});

it('tells what of extents lies outside of others', () => {
  const extents = [
    { start: 0, end: 10 },
    { start: 20, end: 30 },
    { start: 40, end: 50 },
  ];
  const others = [
    { start: 2, end: 3 },
    { start: 5, end: 22 },
    { start: 25, end: 26 },
    { start: 35, end: 60 },
  ];
  expect(extentsOutside(extents, others)).toEqual([
    { start: 0, end: 2 },
    { start: 3, end: 5 },
    { start: 22, end: 25 },
    { start: 26, end: 30 },
  ]);
  expect(extentsOutside(extents, [])).toEqual(extents);
});
