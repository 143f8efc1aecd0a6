import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { needs } from '../../test/tools.ts';
import { exec } from '../util/exec.ts';
import { type FatFile, fat32Image, type FatOptions } from './fat32-writer.ts';

const MiB = 2 ** 20;
const options: FatOptions = {
  size: 34 * MiB,
  label: 'ESP',
  volumeId: 0x1a2b3c4d,
  time: Date.UTC(2026, 1, 3, 4, 5, 6) / 1000,
  hiddenSectors: 4096,
};

const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-'.split('');
const letter = fc.constantFrom(...letters);
const stem = fc.string({ unit: letter, minLength: 1, maxLength: 8 });
const name = fc.oneof(
  stem,
  fc.tuple(stem, fc.string({ unit: letter, minLength: 1, maxLength: 3 })).map((parts) => parts.join('.')),
);
const size = fc.oneof(fc.constantFrom(0, 1, 511, 512, 513), fc.nat(20_000));
/** Files in folders that no file has the name of. */
const anyFiles = fc
  .uniqueArray(fc.tuple(fc.array(stem, { maxLength: 3 }), name, size), { maxLength: 40, selector: ([, file]) => file })
  .map((entries) =>
    entries.map(([folders, file, length]) => ({
      path: [...folders.map((folder) => `D${folder.slice(1)}`), `F${file.slice(1)}`].join('/'),
      length,
    })),
  )
  .map((entries) => [...new Map(entries.map((entry) => [entry.path, entry])).values()])
  .map((entries) => entries.map(({ path, length }): FatFile => ({ path, content: Buffer.alloc(length, `${path} `) })));

describe.skipIf(needs('fsck.vfat', 'mcopy', 'mdir', 'minfo'))('a FAT32 file system', () => {
  let folder = '';
  let image = '';
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'fat-'));
    image = join(folder, 'image');
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  async function write(files: FatFile[], of = options): Promise<Buffer> {
    const bytes = fat32Image(files, of);
    await writeFile(image, bytes);
    return bytes;
  }
  const check = (): Promise<unknown> => exec(['fsck.vfat', '-n', '-v', image]);

  test('of any files is sound, and holds them', async () => {
    let run = 0;
    await fc.assert(
      fc.asyncProperty(anyFiles, async (files) => {
        await write(files);
        await check();
        const out = join(folder, `out-${(run += 1)}`);
        await exec(['mkdir', out]);
        if (files.length > 0) await exec(['mcopy', '-s', '-Q', '-n', '-i', image, '::*', out]);
        for (const { path, content } of files) expect((await readFile(join(out, path))).equals(content), path).toBe(true);
        const { stdout } = await exec(['find', out, '-type', 'f']);
        expect(stdout.split('\n').filter(Boolean)).toHaveLength(files.length);
        await rm(out, { recursive: true });
      }),
      { numRuns: 12 },
    );
  });

  test('tells its label, volume id and times', async () => {
    await write([{ path: 'EFI/BOOT/BOOTX64.EFI', content: Buffer.from('x') }]);
    const { stdout } = await exec(['mdir', '-i', image, '::EFI/BOOT'], { env: { TZ: 'UTC' } });
    expect(stdout).toMatch(/Volume in drive : is ESP/);
    expect(stdout).toContain('Volume Serial Number is 1A2B-3C4D');
    expect(stdout).toMatch(/BOOTX64 +EFI +1 2026-02-03 +4:05/);
    expect((await exec(['minfo', '-i', image])).stdout).toMatch(/hidden sectors: 4096/);
  });

  test('has room for folders of hundreds of files', async () => {
    const files = Array.from(
      { length: 600 },
      (_, index): FatFile => ({ path: `MANY/F${index}.TXT`, content: Buffer.from(`${index}`) }),
    );
    await write(files);
    await check();
    expect((await exec(['mdir', '-b', '-i', image, '::MANY'])).stdout.trim().split('\n')).toHaveLength(600);
  });

  test('is the same for the same files, and the same of any size', async () => {
    const files = [{ path: 'A/B.C', content: Buffer.from('x') }];
    expect((await write(files)).equals(await write(files))).toBe(true);
    await write(files, { ...options, size: 77 * MiB });
    await check();
  });

  test('can be filled to its last cluster, and not beyond', async () => {
    const free = Number(/free clusters=(\d+)/.exec((await write([]), await exec(['minfo', '-i', image])).stdout)?.[1]);
    expect(free).toBeGreaterThan(65_000);
    await write([{ path: 'FULL', content: Buffer.alloc(free * 512, 'x') }]);
    await check();
    expect(() => fat32Image([{ path: 'FULL', content: Buffer.alloc(free * 512 + 1) }], options)).toThrow(/do not fit/);
  });
});

describe('what FAT32 cannot hold is refused:', () => {
  const one = { content: Buffer.alloc(0) };
  test.each([
    ['a long name', 'TOOLONGNAME.EFI'],
    ['a long extension', 'A.JSON'],
    ['two extensions', 'A.B.C'],
    ['an empty name', 'EFI//A'],
    ['a name that leads out', '../A'],
    ['letters that are not allowed', 'A B*.C'],
    ['letters of other alphabets', 'É.TXT'],
  ])('%s', (_, path) => {
    expect(() => fat32Image([{ path, ...one }], options)).toThrow(/is not a name of 8 and 3 letters/);
  });

  test('one name for two things', () => {
    expect(() =>
      fat32Image(
        [
          { path: 'EFI/A', ...one },
          { path: 'EFI/a', ...one },
        ],
        options,
      ),
    ).toThrow(/EFI\/a.*twice/);
    expect(() =>
      fat32Image(
        [
          { path: 'EFI', ...one },
          { path: 'EFI/A', ...one },
        ],
        options,
      ),
    ).toThrow(/twice/);
    expect(() =>
      fat32Image(
        [
          { path: 'EFI/A', ...one },
          { path: 'EFI', ...one },
        ],
        options,
      ),
    ).toThrow(/twice/);
  });

  test('a file system that is too small to be FAT32', () => {
    expect(() => fat32Image([], { ...options, size: 32 * MiB })).toThrow(/too small/);
  });
});
