import { mkdtemp, open, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { memorySource } from '../../test/small-ext4.ts';
import { needs } from '../../test/tools.ts';
import { exec } from '../util/exec.ts';
import { openExt4 } from './ext4-rootfs.ts';
import { stampExt4 } from './ext4-stamp.ts';

const MiB = 2 ** 20;
const offset = MiB;
const time = Date.UTC(2026, 0, 2) / 1000;
const old = Date.UTC(2001, 0, 2) / 1000;
const uuid = '0f0e0d0c-0b0a-8908-8706-050403020100';
const features = { 'with checksums': '64bit,metadata_csum,metadata_csum_seed', 'without checksums': '64bit,^metadata_csum' };

describe.skipIf(needs('mke2fs', 'debugfs', 'e2fsck', 'dumpe2fs')).each(Object.entries(features))(
  'stamping an ext4 file system %s',
  (_, feature) => {
    let folder = '';
    beforeEach(async () => {
      folder = await mkdtemp(join(tmpdir(), 'stamp-'));
      await exec([
        'sh',
        '-ec',
        `mkdir -p "$1/tree/folder"
         seq 20000 > "$1/tree/folder/numbers"; echo old > "$1/tree/old"; touch -d 2001-01-02T00:00:00Z "$1/tree/old"
         ln -s numbers "$1/tree/folder/link"; yes SECRET | head -c 50000 > "$1/tree/secret"
         touch -d 2035-01-01 "$1/tree/folder"`,
        'sh',
        folder,
      ]);
    });
    afterEach(() => rm(folder, { recursive: true, force: true }));

    /** A file system of four groups, one of them with a copy of the superblock that is not the first, behind a piece of disk. */
    async function makeDisk(name: string): Promise<string> {
      const disk = join(folder, name);
      await using file = await open(disk, 'w');
      await file.truncate(offset + 64 * MiB);
      const extended = `offset=${offset},hash_seed=11111111-2222-4333-8444-555555555555,lazy_itable_init=1,nodiscard,root_owner=0:0`;
      const shape = ['-b', '4096', '-I', '256', '-g', '4096', '-N', '512', '-J', 'size=4'];
      await exec(
        [
          'mke2fs',
          '-q',
          '-F',
          '-t',
          'ext4',
          ...shape,
          '-O',
          feature,
          '-U',
          '6e7c1a5e-0b2f-4d3c-8a9b-1c2d3e4f5a6b',
          '-E',
          extended,
          '-d',
          join(folder, 'tree'),
          disk,
          String((64 * MiB) / 4096),
        ],
        { env: { E2FSPROGS_FAKE_TIME: String(time) } },
      );
      return disk;
    }
    const debugfs = (disk: string, commands: string[]): Promise<unknown> =>
      exec(['debugfs', '-w', '-f', '-', `${disk}?offset=${offset}`], { input: `${commands.join('\n')}\n` });
    /** A file system of its own, for tools that know no offset. */
    async function cut(disk: string): Promise<string> {
      await exec(['dd', `if=${disk}`, `of=${disk}.fs`, `bs=${MiB}`, 'skip=1', 'status=none']);
      return `${disk}.fs`;
    }
    async function openDisk(disk: string): ReturnType<typeof openExt4> {
      return openExt4(memorySource(await readFile(disk)), offset, 64 * MiB);
    }

    test('leaves it sound, its content the same, and no time later than asked', async () => {
      const disk = await makeDisk('disk');
      const before = await (await openDisk(disk)).readFile('/folder/numbers');
      await stampExt4(disk, { offset, time, uuid });
      await exec(['e2fsck', '-fn', await cut(disk)]);
      const fs = await openDisk(disk);
      expect((await fs.readFile('/folder/numbers'))?.equals(before ?? Buffer.alloc(0))).toBe(true);
      for await (const { path, mtime } of fs.walk('/')) expect(mtime, path).toBe(path === '/old' ? old : time);
      const { stdout } = await exec(['debugfs', '-R', 'stat /old', `${disk}.fs`]);
      for (const field of ['ctime', 'atime', 'crtime'])
        expect(stdout).toMatch(new RegExp(`\\b${field}: 0x${time.toString(16)}:0+ `));
    });

    test('gives its UUID to every superblock', async () => {
      const disk = await makeDisk('disk');
      await stampExt4(disk, { offset, time, uuid });
      const fs = await cut(disk);
      for (const block of [0, 4096, 12_288]) {
        const { stdout } = await exec([
          'dumpe2fs',
          '-h',
          ...(block > 0 ? ['-o', `superblock=${block}`, '-o', 'blocksize=4096'] : []),
          fs,
        ]);
        expect(stdout).toMatch(new RegExp(`Filesystem UUID: +${uuid}`));
      }
      // Repairs itself from a copy: so the copy is whole.
      await using file = await open(fs, 'r+');
      await file.write(Buffer.alloc(1024), 0, 1024, 1024);
      await exec(['e2fsck', '-fy', '-b', '4096', '-B', '4096', fs], { okExitCodes: [0, 1] });
      await exec(['e2fsck', '-fn', fs]);
    });

    test('removes every trace of deleted files', async () => {
      const [disk, before] = [await makeDisk('disk'), await makeDisk('before')];
      await debugfs(disk, ['rm /secret', 'rm /folder/link', 'rm /folder/numbers']);
      expect((await readFile(disk)).includes('SECRET\nSECRET')).toBe(true);
      await stampExt4(disk, { offset, time, before });
      const bytes = await readFile(disk);
      expect(bytes.includes('SECRET\nSECRET')).toBe(false);
      expect(bytes.includes('\n19999\n')).toBe(false);
      expect((await readFile(before)).includes('SECRET\nSECRET')).toBe(true);
      await exec(['e2fsck', '-fn', await cut(disk)]);
      const fs = await openDisk(disk);
      expect(await fs.readText('/old')).toBe('old\n');
      for await (const { first, count } of fs.freeBlocks()) {
        const free = bytes.subarray(offset + first * 4096, offset + (first + count) * 4096);
        expect(free.equals(Buffer.alloc(free.length)), `free blocks from ${first}`).toBe(true);
      }
    });

    test('makes two disks equal that were written at other times', async () => {
      const first = await makeDisk('first');
      await debugfs(first, [
        `set_current_time @${time + 5}`,
        'rm /secret',
        `write ${folder}/tree/old /new`,
        'sif /old mtime @4000000000',
      ]);
      const second = await makeDisk('second');
      await debugfs(second, [
        `set_current_time @${time + 99_999}`,
        'rm /secret',
        `write ${folder}/tree/old /new`,
        'sif /old mtime @3900000000',
      ]);
      for (const disk of [first, second]) await stampExt4(disk, { offset, time, uuid });
      const [a, b] = [await readFile(first), await readFile(second)];
      // The superblock still tells when it was written; E2FSPROGS_FAKE_TIME keeps that the same in a build.
      for (const bytes of [a, b])
        for (let group = 0; group < 4; group += 1) bytes.fill(0, offset + group * 16 * MiB, offset + group * 16 * MiB + 4096);
      expect(a.equals(b)).toBe(true);
    });

    test('changes nothing the second time', async () => {
      const disk = await makeDisk('disk');
      await stampExt4(disk, { offset, time, uuid });
      const once = await readFile(disk);
      await stampExt4(disk, { offset, time, uuid });
      expect((await readFile(disk)).equals(once)).toBe(true);
    });
  },
);

describe.skipIf(needs('mke2fs'))('stamping what is not such a file system', () => {
  test.each([
    ['zeros', []],
    ['a file system of 32 bits', ['-O', '^64bit']],
    ['checksums that depend on the UUID', ['-O', '64bit,metadata_csum,^metadata_csum_seed']],
  ])('is refused: %s', async (_, options) => {
    const folder = await mkdtemp(join(tmpdir(), 'stamp-'));
    try {
      const path = join(folder, 'fs');
      await exec(['truncate', '-s', '8M', path]);
      if (options.length > 0) await exec(['mke2fs', '-q', '-F', '-t', 'ext4', ...options, path]);
      const before = await readFile(path);
      await expect(stampExt4(path, { offset: 0, time, uuid })).rejects.toThrow(RangeError);
      expect((await readFile(path)).equals(before)).toBe(true);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
