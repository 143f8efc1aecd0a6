import { mkdir, open, readFile, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { BlockSource } from '../src/model/format.ts';
import { AppError } from '../src/util/errors.ts';
import { exec } from '../src/util/exec.ts';

/** A small ext4 file system with one of everything that the reader knows. */

export const extraFiles = 400;
export const deepBlocks = 60;
export const longTarget = `/${'far/'.repeat(30)}away`;

/** Makes the file system from a tree that stays in `folder`; options are those of mke2fs. */
export async function smallExt4(folder: string, options: string[]): Promise<{ bytes: Buffer; tree: string }> {
  const tree = join(folder, 'tree');
  const image = join(folder, 'fs');
  await mkdir(join(tree, 'folder/inner'), { recursive: true });
  await mkdir(join(tree, 'many'));
  await writeFile(join(tree, 'empty'), '');
  await writeFile(join(tree, 'folder/inner/text'), 'hello\n', { mode: 0o4711 });
  await writeFile(join(tree, 'folder/data'), Buffer.from(Array.from({ length: 300_000 }, (_, index) => (index * 7) & 0xff)));
  for (let index = 0; index < extraFiles; index += 1)
    await writeFile(join(tree, `many/a-name-that-is-long-enough-for-blocks-${index}`), String(index));
  await symlink('folder/inner', join(tree, 'short'));
  await symlink(longTarget, join(tree, 'long'));
  await symlink('loop', join(tree, 'loop'));
  await symlink('/short/../inner/text', join(tree, 'folder/up'));
  // Data in every other block: more runs than an inode has room for.
  await sparseFile(join(tree, 'holes'));
  await writeFile(image, '');
  await truncate(image, 8 * 2 ** 20);
  await exec([
    'mke2fs',
    '-q',
    '-F',
    '-t',
    'ext4',
    '-L',
    'little',
    '-U',
    '6e7c1a5e-0b2f-4d3c-8a9b-1c2d3e4f5a6b',
    ...options,
    '-d',
    tree,
    image,
  ]);
  const attributes = [
    `ea_set /empty security.capability "\\001\\000\\000\\002"`,
    `ea_set /folder/data user.small little`,
    `ea_set /folder/data user.large ${'x'.repeat(300)}`,
  ];
  await exec(['debugfs', '-w', '-f', '-', image], { input: `${attributes.join('\n')}\n` });
  // Gives long folders their hash tree.
  await exec(['e2fsck', '-fyD', image], { okExitCodes: [0, 1] });
  const bytes = await readFile(image);
  await rm(image);
  return { bytes, tree };
}

async function sparseFile(path: string): Promise<void> {
  await using file = await open(path, 'w');
  await file.truncate(deepBlocks * 2 * 4096);
  for (let index = 0; index < deepBlocks; index += 1) await file.write(Buffer.alloc(4096, 'h'), 0, 4096, index * 2 * 4096);
}

/** Bytes in memory as a disk. Reading past the end is an error, as in an image. */
export function memorySource(bytes: Buffer): BlockSource {
  return {
    size: bytes.length,
    read(offset, length) {
      if (!(offset >= 0 && length >= 0 && offset + length <= bytes.length)) throw new AppError('IMAGE_INVALID', 'past the end');
      return Promise.resolve(Buffer.from(bytes.subarray(offset, offset + length)));
    },
    close: () => Promise.resolve(),
  };
}
