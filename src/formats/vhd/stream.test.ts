import { readFile, writeFile } from 'node:fs/promises';
import { buffer } from 'node:stream/consumers';
import { Readable } from 'node:stream';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { disks, testFolder, vmOf, writeDisk } from '../../../test/disks.ts';
import { needs } from '../../../test/tools.ts';
import { exec } from '../../util/exec.ts';
import { raw } from '../raw.ts';
import { vhd } from '../vhd.ts';
import { streamVhd } from './stream.ts';

const { signal } = new AbortController();

describe('a VHD that is streamed', () => {
  it.skipIf(needs('qemu-img'))('has the announced length, the same bytes each time, and the disk in it', async () => {
    await using folder = await testFolder();
    const small = disks.filter(({ size }) => size < 2 ** 23);
    const property = fc.asyncProperty(small, async (disk) => {
      await writeDisk(folder.file('disk'), disk);
      const source = await raw.open(folder.file('disk'));
      const stream = await streamVhd(source, vmOf(), { signal });
      let made = 0;
      const bytes = await buffer(Readable.from(stream.open(signal, (count) => (made = count))));
      expect([bytes.length, made]).toEqual([stream.length, stream.length]);
      expect((await buffer(Readable.from(stream.open(signal)))).equals(bytes)).toBe(true);
      await source.close();
      expect(stream.virtualSize % 2 ** 20).toBe(0);
      await writeFile(folder.file('image'), bytes);
      const given = Buffer.alloc(stream.virtualSize);
      (await readFile(folder.file('disk'))).copy(given);
      const opened = await vhd.open(folder.file('image'));
      expect(opened.size).toBe(stream.virtualSize);
      expect((await opened.read(0, opened.size)).equals(given)).toBe(true);
      await opened.close();
      await exec(['qemu-img', 'convert', '-f', 'vpc', '-O', 'raw', folder.file('image'), folder.file('back')]);
      expect((await readFile(folder.file('back'))).equals(given)).toBe(true);
    });
    await fc.assert(property, { numRuns: 12 });
  });

  it('is refused where the format ends', async () => {
    const huge = {
      size: 2041 * 2 ** 30,
      read: async () => Buffer.alloc(0),
      dataIn: async () => [],
      close: async () => undefined,
    };
    await expect(streamVhd(huge, vmOf(), { signal })).rejects.toThrow('too large for a VHD');
  });
});
