import { readFile } from 'node:fs/promises';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as formats from '../../src/formats/index.ts';
import { qcow2With } from '../../src/formats/qcow2.ts';
import type { Format } from '../../src/model/format.ts';
import { digestOfFile } from '../../src/util/digest.ts';
import { exec } from '../../src/util/exec.ts';
import { builtOf, type Disk, disks, testFolder, vmOf, writeDisk } from '../disks.ts';
import { needs } from '../tools.ts';

/** What the test must know of a format: what QEMU calls it (when it reads it), whether QEMU can check it, and to what virtual sizes are rounded up. */
const known: Record<string, { qemu?: string; isChecked?: boolean; unit: number }> = {
  raw: { qemu: 'raw', unit: 512 },
  qcow2: { qemu: 'qcow2', isChecked: true, unit: 512 },
  vhd: { qemu: 'vpc', unit: 2 ** 20 },
  'vhd-fixed': { qemu: 'vpc', unit: 2 ** 20 },
  vmdk: { qemu: 'vmdk', isChecked: true, unit: 2 ** 16 },
  ova: { unit: 2 ** 16 },
  xva: { unit: 2 ** 20 },
  'vmdk-sparse': { qemu: 'vmdk', isChecked: true, unit: 2 ** 16 },
};
function subject(name: string, format: Format) {
  const facts = known[format.id];
  if (facts === undefined) throw new Error(`say above what QEMU calls ${format.id}`);
  return { name, format, ...facts };
}

/** What every disk format keeps, whatever it looks like inside. */
const subjects = [
  ...Object.values(formats).map((format) => subject(format.id, format)),
  subject('qcow2, deflate', qcow2With({ type: 'deflate', level: 6 })),
];
const small: Disk = {
  size: 3_000_000,
  pieces: [
    { kind: 'text', offset: 70_000, length: 200_000 },
    { kind: 'noise', offset: 2_000_000, length: 131_072 },
  ],
};

describe.each(subjects)('format $name', ({ format, qemu, isChecked, unit }) => {
  it('gives back the bytes that it was given, rounded up as little as it can', async () => {
    await using folder = await testFolder();
    const [disk, image] = [folder.file('disk'), folder.file('image')];
    const roundTrip = async (shape: Disk, at: number): Promise<void> => {
      await writeDisk(disk, shape);
      await format.write(builtOf(disk, shape.size), image, folder.ctx(), vmOf());
      const source = await format.open(image);
      expect(source.size).toBe(Math.ceil(shape.size / unit) * unit);
      const given = await formats.raw.open(disk);
      const ranges = [
        { offset: Math.floor(at * shape.size), length: 1 },
        ...shape.pieces.map(({ offset, length }) => ({ offset: Math.max(0, offset - 700), length: length + 700 })),
      ];
      for (const { offset, length } of ranges) {
        const count = Math.min(length, shape.size - offset);
        expect((await source.read(offset, count)).equals(await given.read(offset, count))).toBe(true);
      }
      await Promise.all([source.close(), given.close()]);
    };
    await fc.assert(fc.asyncProperty(disks, fc.double({ min: 0, max: 0.999, noNaN: true }), roundTrip), { numRuns: 25 });
  });

  if (qemu !== undefined)
    it.skipIf(needs('qemu-img'))('writes what QEMU reads as the same disk', async () => {
      await using folder = await testFolder();
      const [disk, image] = [folder.file('disk'), folder.file('image')];
      const same = fc.asyncProperty(disks, async (shape) => {
        await writeDisk(disk, shape);
        await format.write(builtOf(disk, shape.size), image, folder.ctx(), vmOf());
        if (isChecked) await exec(['qemu-img', 'check', '-f', qemu, image]);
        await exec(['qemu-img', 'compare', '-f', 'raw', '-F', qemu, disk, image]);
        const { stdout } = await exec(['qemu-img', 'info', '--output', 'json', '-f', qemu, image]);
        expect(JSON.parse(stdout)).toMatchObject({ 'virtual-size': Math.ceil(shape.size / unit) * unit });
      });
      await fc.assert(same, { numRuns: 25 });
    });

  it('makes the same file twice', async () => {
    await using folder = await testFolder();
    await writeDisk(folder.file('disk'), small);
    const digests = [];
    for (const name of ['first', 'second']) {
      await format.write(builtOf(folder.file('disk'), small.size), folder.file(name), folder.ctx(), vmOf());
      digests.push(await digestOfFile(folder.file(name)));
    }
    expect(digests[0]).toBe(digests[1]);
  });

  it('makes a disk larger than the file that it was given', async () => {
    await using folder = await testFolder();
    await writeDisk(folder.file('disk'), small);
    await format.write(builtOf(folder.file('disk'), 2 ** 32), folder.file('image'), folder.ctx(), vmOf());
    const source = await format.open(folder.file('image'));
    expect(source.size).toBe(2 ** 32);
    expect(await source.read(2 ** 32 - 100_000, 100_000)).toEqual(Buffer.alloc(100_000));
    expect(await source.read(70_000, 1000)).toEqual((await readFile(folder.file('disk'))).subarray(70_000, 71_000));
    await source.close();
  });

  it('reads nothing outside of the disk', async () => {
    await using folder = await testFolder();
    await writeDisk(folder.file('disk'), small);
    await format.write(builtOf(folder.file('disk'), small.size), folder.file('image'), folder.ctx(), vmOf());
    const source = await format.open(folder.file('image'));
    for (const [offset, length] of [
      [source.size - 10, 11],
      [-1, 5],
      [0, -5],
      [Number.NaN, 1],
      [2 ** 60, 1],
    ] as const) {
      await expect(source.read(offset, length)).rejects.toMatchObject({ code: 'IMAGE_INVALID' });
    }
    expect(await source.read(source.size, 0)).toHaveLength(0);
    await source.close();
  });

  it('opens regular files only', async () => {
    await using folder = await testFolder();
    await exec(['mkfifo', folder.file('pipe')]);
    for (const path of [folder.path, folder.file('pipe'), '/dev/null']) {
      await expect(format.open(path)).rejects.toMatchObject({ code: 'IMAGE_INVALID' });
    }
    await expect(format.open(folder.file('absent'))).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  it('refuses a disk that does not fit', async () => {
    await using folder = await testFolder();
    await writeDisk(folder.file('disk'), small);
    const writing = format.write(builtOf(folder.file('disk'), small.size - 1000), folder.file('image'), folder.ctx(), vmOf());
    await expect(writing).rejects.toMatchObject({ code: 'BUILD_FAILED' });
  });

  it('says that the disk is full', async () => {
    await using folder = await testFolder();
    await writeDisk(folder.file('disk'), small);
    const writing = format.write(builtOf(folder.file('disk'), small.size), '/dev/full', folder.ctx(), vmOf());
    await expect(writing).rejects.toMatchObject({ code: 'DISK_FULL' });
  });

  it('reports its progress and stops when it is cancelled', async () => {
    await using folder = await testFolder();
    const pieces = Array.from({ length: 60 }, (_, index) => ({
      kind: 'noise' as const,
      offset: index * 2 ** 20,
      length: 2 ** 18,
    }));
    await writeDisk(folder.file('disk'), { size: 2 ** 26, pieces });
    const abort = new AbortController();
    const reports: unknown[] = [];
    const emit = (event: unknown): void => {
      reports.push(event);
      abort.abort();
    };
    const ctx = { ...folder.ctx(abort.signal), emit };
    for (const _ of ['during', 'before']) {
      const writing = format.write(builtOf(folder.file('disk'), 2 ** 26), folder.file('image'), ctx, vmOf());
      await expect(writing).rejects.toMatchObject({ code: 'CANCELLED' });
    }
    // Some formats have blocks that must be there though they are empty.
    const total = expect.toSatisfy((bytes: number) => bytes >= 60 * 2 ** 20 && bytes <= 2 ** 26) as number;
    expect(reports).toEqual([{ type: 'step.progress', step: 'convert', done: 2 ** 25, total, unit: 'bytes' }]);
  });
});
