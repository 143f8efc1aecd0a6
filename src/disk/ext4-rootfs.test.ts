import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { deepBlocks, extraFiles, longTarget, memorySource, smallExt4 } from '../../test/small-ext4.ts';
import { needs } from '../../test/tools.ts';
import { type Ext4Rootfs, openExt4 } from './ext4-rootfs.ts';

const kinds: Record<string, string[]> = {
  'as Gabarit makes it': ['-b', '4096', '-I', '256', '-O', '64bit,metadata_csum,metadata_csum_seed'],
  'with small blocks': ['-b', '1024', '-I', '256', '-O', '64bit,metadata_csum'],
  'without checksums, 32 bits': ['-b', '4096', '-I', '256', '-O', '^64bit,^metadata_csum'],
  'with small inodes': ['-b', '2048', '-I', '128', '-O', '^64bit,metadata_csum'],
};

describe.skipIf(needs('mke2fs', 'debugfs', 'e2fsck')).each(Object.entries(kinds))('an ext4 file system %s', (_, options) => {
  let folder = '';
  let tree = '';
  let bytes: Buffer = Buffer.alloc(0);
  let fs: Ext4Rootfs;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'gabarit-ext4-'));
    ({ bytes, tree } = await smallExt4(folder, options));
    // Not at the start of the disk, as in an image.
    fs = await openExt4(memorySource(Buffer.concat([Buffer.alloc(1 << 20), bytes])), 1 << 20, bytes.length);
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  test('has the same files and contents as the tree that it was made from', async () => {
    const paths: string[] = [];
    for await (const { path, type, size } of fs.walk('/')) {
      paths.push(path);
      if (type !== 'file') continue;
      const content = await readFile(join(tree, path));
      expect(size).toBe(content.length);
      expect((await fs.readFile(path))?.equals(content)).toBe(true);
    }
    expect(paths).toContain(`/many/a-name-that-is-long-enough-for-blocks-${extraFiles - 1}`);
    expect(paths.length).toBe(extraFiles + 12);
  });

  test('tells owners, modes and links', async () => {
    expect(await fs.stat('/folder/inner/text')).toMatchObject({ type: 'file', mode: 0o4711, links: 1, size: 6 });
    expect(await fs.stat('/short')).toMatchObject({ type: 'symlink', path: '/short' });
    expect(await fs.readLink('/short')).toBe('folder/inner');
    expect(await fs.readLink('/long')).toBe(longTarget);
    expect(await fs.stat('/nothing/here')).toBeUndefined();
    expect(await fs.list('/many')).toHaveLength(extraFiles);
    expect(await fs.info()).toMatchObject({ label: 'little', uuid: '6e7c1a5e-0b2f-4d3c-8a9b-1c2d3e4f5a6b' });
  });

  test('follows links inside the image only', async () => {
    expect(await fs.readText('/short/text')).toBe('hello\n');
    expect(await fs.readText('/folder/up')).toBe('hello\n');
    expect(await fs.readText('/../../short/./text')).toBe('hello\n');
    expect(await fs.readText('/loop')).toBeUndefined();
    expect(await fs.readText('/long')).toBeUndefined();
  });

  test('reads holes as zeros, through a tree of extents', async () => {
    const content = (await fs.readFile('/holes')) ?? Buffer.alloc(0);
    expect(content.length).toBe(deepBlocks * 2 * 4096);
    expect(content.subarray(0, 4096).equals(Buffer.alloc(4096, 'h'))).toBe(true);
    expect(content.subarray(4096, 8192).equals(Buffer.alloc(4096))).toBe(true);
  });

  test('has extended attributes, in inodes and in blocks', async () => {
    expect((await fs.xattrs('/empty'))['security.capability']?.length).toBeGreaterThan(3);
    const attributes = await fs.xattrs('/folder/data');
    expect(attributes['user.small']?.toString()).toBe('little');
    expect(attributes['user.large']?.toString()).toBe('x'.repeat(300));
    expect(await fs.xattrs('/folder/inner/text')).toEqual({});
  });

  test('counts its free blocks as the superblock does', async () => {
    let count = 0;
    for await (const range of fs.freeBlocks()) count += range.count;
    const { size, used } = await fs.info();
    expect(count * fs.blockSize).toBe(size - used);
  });
});
