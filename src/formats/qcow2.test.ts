import { copyFile, open, readdir, readFile, stat, truncate, writeFile } from 'node:fs/promises';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readsWhatQemuWrites } from '../../test/disk-peers.ts';
import { builtOf, type Disk, disks, extentsOf, type TestFolder, testFolder, vmOf, writeDisk } from '../../test/disks.ts';
import { needs } from '../../test/tools.ts';
import { exec } from '../util/exec.ts';
import { qcow2 } from './qcow2.ts';
import { packWindow, windowSize } from './shared/packed-window.ts';
import { storedKey, storedPath, StoredWindowsWriter } from './shared/stored-windows.ts';

const zstd = { type: 'zstd', level: 4 } as const;
const shape: Disk = {
  size: 700_000_000,
  pieces: [
    { kind: 'text', offset: 10_000, length: 2_000_000 },
    { kind: 'noise', offset: 40_000_000, length: 300_000 },
    { kind: 'text', offset: 600_000_000, length: 500_000 },
  ],
};

/** Converts `disk`, with `base.disk` of the same folder as its base. */
async function convert(folder: TestFolder, name = 'disk'): Promise<Buffer> {
  const base = { disk: folder.file('base.disk'), folder: folder.path };
  await qcow2.write(builtOf(folder.file(name), shape.size, base), folder.file('image'), folder.ctx(), vmOf());
  return readFile(folder.file('image'));
}

/** A base, a disk that differs from it in some places, and the disk's cold conversion. */
async function changedDisk(folder: TestFolder): Promise<Buffer> {
  await writeDisk(folder.file('base.disk'), shape);
  const [first, ...rest] = shape.pieces;
  const changes: Disk['pieces'] = [
    { kind: 'noise', offset: 1_000_000, length: 10 },
    { kind: 'zeros', offset: 40_000_000, length: 200_000 },
    { kind: 'text', offset: 300_000_000, length: 70_000 },
  ];
  await writeDisk(folder.file('disk'), { size: shape.size, pieces: [...(first ? [first] : []), ...rest, ...changes] });
  await qcow2.write(builtOf(folder.file('disk'), shape.size), folder.file('cold'), folder.ctx(), vmOf());
  return readFile(folder.file('cold'));
}

describe('reuse of a base', () => {
  const stored = (folder: TestFolder): string => storedPath(folder.path, zstd);

  it('gives the same bytes as without, when the base is first packed and when it is reused', async () => {
    await using folder = await testFolder();
    const cold = await changedDisk(folder);
    expect((await convert(folder)).equals(cold)).toBe(true);
    const { ino } = await stat(stored(folder));
    expect((await convert(folder)).equals(cold)).toBe(true);
    expect((await stat(stored(folder))).ino).toBe(ino);
    expect((await readdir(folder.path)).filter((name) => name.endsWith('.part'))).toEqual([]);
  });

  it('gives the same bytes for any two disks', async () => {
    await using folder = await testFolder();
    const property = fc.asyncProperty(disks, disks, async (one, other) => {
      await writeDisk(folder.file('base.disk'), one);
      await writeDisk(folder.file('disk'), other);
      await qcow2.write(builtOf(folder.file('disk'), other.size), folder.file('cold'), folder.ctx(), vmOf());
      const base = { disk: folder.file('base.disk'), folder: folder.path };
      for (const _ of ['packs the base', 'reuses it']) {
        await qcow2.write(builtOf(folder.file('disk'), other.size, base), folder.file('image'), folder.ctx(), vmOf());
        expect((await readFile(folder.file('image'))).equals(await readFile(folder.file('cold')))).toBe(true);
      }
    });
    await fc.assert(property, { numRuns: 12 });
  });

  it('gives the same bytes from what differs alone, whatever is changed', async () => {
    await using folder = await testFolder();
    const property = fc.asyncProperty(
      disks,
      fc.array(fc.tuple(fc.nat(), fc.integer({ min: 1, max: 200_000 }))),
      async (one, places) => {
        const pieces = places.map(([at, length]): Disk['pieces'][number] => {
          const offset = at % one.size;
          return { kind: 'noise', offset, length: Math.min(length, one.size - offset) };
        });
        await writeDisk(folder.file('base.disk'), one);
        await writeDisk(folder.file('whole'), { size: one.size, pieces: [...one.pieces, ...pieces] });
        await writeDisk(folder.file('disk'), { size: one.size, pieces });
        await qcow2.write(builtOf(folder.file('whole'), one.size), folder.file('cold'), folder.ctx(), vmOf());
        const base = { disk: folder.file('base.disk'), folder: folder.path, changes: extentsOf(pieces) };
        for (const _ of ['packs the base', 'reuses it']) {
          await qcow2.write(builtOf(folder.file('disk'), one.size, base), folder.file('image'), folder.ctx(), vmOf());
          expect((await readFile(folder.file('image'))).equals(await readFile(folder.file('cold')))).toBe(true);
        }
      },
    );
    await fc.assert(property, { numRuns: 12 });
  });

  it('takes equal clusters from the packed base, and only those', async () => {
    await using folder = await testFolder();
    const cold = await changedDisk(folder);
    const writer = await StoredWindowsWriter.create(stored(folder));
    const base = await open(folder.file('base.disk'), 'r');
    const target = new Uint8Array(windowSize);
    // Packed by another level than its key says, so that it shows in the result.
    for (const window of [0, 1, 38, 572]) {
      const raw = Buffer.alloc(windowSize);
      await base.read(raw, 0, windowSize, window * windowSize);
      await writer.add(window, packWindow(raw, { type: 'zstd', level: 12 }, target));
    }
    await writer.finish(await storedKey(folder.file('base.disk'), zstd));
    await Promise.all([writer.close(), base.close()]);
    const image = await convert(folder);
    expect(image.equals(cold)).toBe(false);
    const source = await qcow2.open(folder.file('image'));
    const disk = await readFile(folder.file('disk'));
    for (const window of [0, 1, 38, 286, 572]) {
      const offset = window * windowSize;
      expect((await source.read(offset, windowSize)).equals(disk.subarray(offset, offset + windowSize))).toBe(true);
    }
    await source.close();
  });

  it.each([
    ['a damaged cluster', 10],
    ['a damaged index', -100],
    ['a damaged trailer', -1],
  ])('is not misled by %s', async (_, at) => {
    await using folder = await testFolder();
    const cold = await changedDisk(folder);
    await convert(folder);
    const bytes = await readFile(stored(folder));
    const position = at < 0 ? bytes.length + at : at;
    bytes[position] = (bytes[position] ?? 0) ^ 0xff;
    await writeFile(stored(folder), bytes);
    expect((await convert(folder)).equals(cold)).toBe(true);
  });

  it.each([0, 7, 5000])('is not misled by a packed base that was cut to %i bytes', async (length) => {
    await using folder = await testFolder();
    const cold = await changedDisk(folder);
    await convert(folder);
    await truncate(stored(folder), length);
    expect((await convert(folder)).equals(cold)).toBe(true);
  });

  it('packs the base again when it became another one', async () => {
    await using folder = await testFolder();
    await changedDisk(folder);
    await convert(folder);
    await writeDisk(folder.file('base.disk'), { size: shape.size, pieces: [{ kind: 'noise', offset: 0, length: 90_000 }] });
    await copyFile(folder.file('base.disk'), folder.file('same'));
    const reused = await convert(folder, 'same');
    await qcow2.write(builtOf(folder.file('same'), shape.size), folder.file('cold'), folder.ctx(), vmOf());
    expect(reused.equals(await readFile(folder.file('cold')))).toBe(true);
  });
});

describe.skipIf(needs('qemu-img'))('reading what qemu-img made', () => {
  const variants: [string, string[]][] = [
    ['plain', []],
    ['version 2', ['-o', 'compat=0.10']],
    ['zlib', ['-c']],
    ['zlib, version 2', ['-c', '-o', 'compat=0.10']],
    ['zstd', ['-c', '-o', 'compression_type=zstd']],
    ['zstd, clusters of 2 MiB', ['-c', '-o', 'compression_type=zstd,cluster_size=2M']],
    ['zlib, clusters of 4 KiB', ['-c', '-o', 'cluster_size=4k']],
    ['clusters of 512 bytes', ['-o', 'cluster_size=512']],
    ['preallocated', ['-o', 'preallocation=metadata']],
    ['zeros kept', ['-S', '0']],
    ['lazy refcounts', ['-o', 'lazy_refcounts=on']],
  ];
  it.each(variants)('%s', async (_, options) => {
    await readsWhatQemuWrites(qcow2, ['-O', 'qcow2', ...options]);
  });

  it.each([
    ['a backing file', ['-b', 'other.qcow2', '-F', 'qcow2'], 'backing file'],
    ['data in another file', ['-o', 'data_file=data.raw'], 'another file'],
    [
      'encryption',
      // LUKS measures the processor to choose its rounds, which fails on a busy machine.
      ['--object', 'secret,id=s,data=abc', '-o', 'encrypt.format=aes,encrypt.key-secret=s'],
      'encrypted',
    ],
    ['extended tables', ['-o', 'extended_l2=on'], 'features'],
  ])('refuses %s', async (_, options, why) => {
    await using folder = await testFolder();
    await exec(['qemu-img', 'create', '-f', 'qcow2', 'other.qcow2', '1M'], { cwd: folder.path });
    await exec(['qemu-img', 'create', '-f', 'qcow2', ...options, 'image.qcow2', '1M'], { cwd: folder.path });
    const opening = qcow2.open(folder.file('image.qcow2'));
    await expect(opening).rejects.toMatchObject({ code: 'IMAGE_INVALID', message: expect.stringContaining(why) as string });
  });

  it('ignores snapshots', async () => {
    await using folder = await testFolder();
    await exec(['qemu-img', 'create', '-f', 'qcow2', folder.file('image'), '1M']);
    await exec(['qemu-img', 'snapshot', '-c', 'one', folder.file('image')]);
    const source = await qcow2.open(folder.file('image'));
    expect(await source.read(0, 2 ** 20)).toEqual(Buffer.alloc(2 ** 20));
    await source.close();
  });
});
