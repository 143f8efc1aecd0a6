import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { memorySource, smallExt4 } from '../../test/small-ext4.ts';
import { needs } from '../../test/tools.ts';
import { AppError } from '../util/errors.ts';
import { openExt4 } from './ext4-rootfs.ts';

const rounds = 1000;

/** The same numbers in every run (a linear congruential generator). */
function numbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/** Reads everything that can be read. */
async function readAll(bytes: Buffer): Promise<void> {
  const fs = await openExt4(memorySource(bytes), 0, bytes.length);
  for await (const { path, type } of fs.walk('/')) {
    if (type === 'file') await fs.readFile(path);
    if (type === 'symlink') await fs.readLink(path);
    await fs.xattrs(path);
    if (type === 'symlink') await fs.readText(path);
  }
  for await (const { first, count } of fs.freeBlocks()) expect(first + count).toBeLessThanOrEqual(bytes.length / fs.blockSize);
}

/** The bytes that mean something: those that are not zero, in blocks that are not the content of the large files. */
function metadataBytes(bytes: Buffer): number[] {
  const found: number[] = [];
  for (let block = 0; block < bytes.length; block += 4096) {
    const [first = 0, second = 0, third = 0] = bytes.subarray(block);
    const isData = (first === 0x68 && second === 0x68) || (second === (first + 7) % 256 && third === (first + 14) % 256);
    if (isData) continue;
    for (let place = block; place < block + 4096; place += 1) if (bytes[place] !== 0) found.push(place);
  }
  return found;
}

const kinds: Record<string, string[]> = {
  'with checksums': ['-b', '4096', '-I', '256', '-N', '512', '-O', '64bit,metadata_csum'],
  // Nothing stops damaged bytes here before they are understood.
  'without checksums': ['-b', '4096', '-I', '256', '-N', '512', '-O', '64bit,^metadata_csum'],
};

describe.skipIf(needs('mke2fs', 'debugfs', 'e2fsck')).each(Object.entries(kinds))('a damaged file system %s', (name, options) => {
  let folder = '';
  let bytes: Buffer = Buffer.alloc(0);

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'gabarit-fuzz-'));
    ({ bytes } = await smallExt4(folder, options));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  test(`is refused or read, ${rounds} times, never anything else`, async () => {
    const meaning = metadataBytes(bytes);
    const random = numbers(name.length);
    let refused = 0;
    for (let round = 0; round < rounds; round += 1) {
      const damaged = Buffer.from(bytes);
      for (let count = 1 + random(6); count > 0; count -= 1) {
        // Half of the damage goes to the superblock, the descriptors and the first inodes.
        const place = meaning[random(random(2) === 0 ? 2000 : meaning.length)] as number;
        damaged[place + (random(4) === 0 ? 1 : 0)] = [0, 0xff, 1, 0x80, random(256)][random(5)] as number;
      }
      const started = performance.now();
      try {
        await readAll(damaged);
      } catch (error) {
        if (!(error instanceof AppError) || error.code !== 'IMAGE_INVALID')
          throw new Error(`round ${round}: ${String(error)}`, { cause: error });
        refused += 1;
      }
      expect(performance.now() - started, `round ${round}`).toBeLessThan(10_000);
    }
    expect(refused).toBeGreaterThan(rounds / 10);
  }, 600_000);

  test('that ends early is refused', async () => {
    await expect(readAll(bytes.subarray(0, 4096))).rejects.toMatchObject({ code: 'IMAGE_INVALID' });
    await expect(readAll(Buffer.alloc(1 << 20))).rejects.toMatchObject({ code: 'IMAGE_INVALID' });
  });
});
