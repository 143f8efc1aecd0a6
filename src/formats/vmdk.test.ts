import { open, writeFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { imageOf, is7zipsDisk, readsWhatQemuWrites } from '../../test/disk-peers.ts';
import { builtOf, type Disk, testFolder, vmOf, writeDisk } from '../../test/disks.ts';
import { needs } from '../../test/tools.ts';
import type { Format } from '../model/format.ts';
import { exec } from '../util/exec.ts';
import { bytesIn } from './shared/image-bytes.ts';
import { readVmdk } from './shared/vmdk/read.ts';
import { vmdk, vmdkSparse } from './vmdk.ts';

const disk: Disk = {
  size: 70 * 2 ** 20,
  pieces: [
    { kind: 'text', offset: 100_000, length: 100_000 },
    { kind: 'noise', offset: 66 * 2 ** 20, length: 70_000 },
  ],
};
const both = [
  { name: 'streamOptimized', format: vmdk },
  { name: 'monolithicSparse', format: vmdkSparse },
];

/** Changes an image and opens it. */
async function opened(format: Format, change: (image: Buffer) => unknown): Promise<number> {
  await using folder = await testFolder();
  const image = await imageOf(format, disk);
  change(image);
  await writeFile(folder.file('image'), image);
  const source = await format.open(folder.file('image'));
  await source.close();
  return source.size;
}

function refusal(message: string): object {
  return { code: 'IMAGE_INVALID', message: expect.stringContaining(message) as string };
}

describe('what is written', () => {
  it.skipIf(needs('7z'))('is the same disk to 7-Zip', async () => {
    await is7zipsDisk(vmdk, 'VMDK');
    await is7zipsDisk(vmdkSparse, 'VMDK');
  });

  it('as a stream has markers before everything, and its tables behind their grains', async () => {
    const image = await imageOf(vmdk, disk);
    expect(image.toString('latin1', 0, 4)).toBe('KDMV');
    expect(image.readUInt32LE(4)).toBe(3);
    expect(image.readUInt32LE(8)).toBe(0x3_0001);
    expect(image.readBigUInt64LE(56)).toBe(0xffff_ffff_ffff_ffffn);
    expect(image.toString('latin1', 512, 1536)).toMatch(/^CID=[0-9a-f]{8}\nparentCID=ffffffff\ncreateType="streamOptimized"$/m);
    // Walk from marker to marker, as a reader that can't seek does.
    const seen: string[] = [];
    for (let at = 128 * 512; at < image.length; ) {
      const [value, size, type] = [Number(image.readBigUInt64LE(at)), image.readUInt32LE(at + 8), image.readUInt32LE(at + 12)];
      if (size > 0) {
        seen.push(`grain ${value / 128}`);
        at += Math.ceil((12 + size) / 512) * 512;
      } else {
        seen.push(`${['end', 'table', 'directory', 'footer'][type]} ${value}`);
        at += (1 + value) * 512;
      }
    }
    const grains = [1, 2, 3].map((grain) => `grain ${grain}`);
    expect(seen).toEqual([...grains, 'table 4', 'grain 1056', 'grain 1057', 'table 4', 'directory 1', 'footer 1', 'end 0']);
  });

  it.each(both)('$name has its content id from the content', async ({ format }) => {
    const idOf = async (shape: Disk): Promise<string | undefined> =>
      /^CID=(\w+)$/m.exec((await imageOf(format, shape)).toString('latin1', 512, 1536))?.[1];
    const other: Disk = { ...disk, pieces: [...disk.pieces, { kind: 'text', offset: 5_000_000, length: 1 }] };
    expect(await idOf(disk)).toBe(await idOf(disk));
    expect(await idOf(other)).not.toBe(await idOf(disk));
  });

  it('may have more than a VHD', async () => {
    await using folder = await testFolder();
    await writeDisk(folder.file('disk'), disk);
    for (const { format } of both) {
      await format.write(builtOf(folder.file('disk'), 3 * 2 ** 40), folder.file('image'), folder.ctx(), vmOf());
      const source = await format.open(folder.file('image'));
      expect(source.size).toBe(3 * 2 ** 40);
      expect(await source.dataIn?.(0, source.size)).toEqual([
        { offset: 65_536, length: 3 * 65_536 },
        { offset: 66 * 2 ** 20, length: 2 * 65_536 },
      ]);
      await source.close();
    }
  });
});

describe.skipIf(needs('qemu-img'))('reading what qemu-img made', () => {
  it.each([
    'subformat=streamOptimized',
    'subformat=monolithicSparse',
    'subformat=monolithicSparse,zeroed_grain=on',
    'subformat=monolithicSparse,adapter_type=lsilogic,hwversion=6',
  ])('%s', async (options) => {
    await readsWhatQemuWrites(vmdk, ['-O', 'vmdk', '-o', options]);
  });

  it.each([
    ['monolithicFlat', 'it is only a descriptor'],
    ['twoGbMaxExtentSparse', 'it is only a descriptor'],
    ['twoGbMaxExtentFlat', 'it is only a descriptor'],
  ])('refuses %s, whose data lies in other files', async (subformat, why) => {
    await using folder = await testFolder();
    await exec(['qemu-img', 'create', '-f', 'vmdk', '-o', `subformat=${subformat}`, folder.file('image.vmdk'), '5M']);
    await expect(vmdk.open(folder.file('image.vmdk'))).rejects.toMatchObject(refusal(why));
    if (subformat === 'twoGbMaxExtentSparse') {
      const opening = vmdkSparse.open(folder.file('image-s001.vmdk'));
      await expect(opening).rejects.toMatchObject(refusal('it may be one of several files of a disk'));
    }
  });

  it('refuses what is only the difference to another disk', async () => {
    await using folder = await testFolder();
    await exec(['qemu-img', 'create', '-f', 'vmdk', 'base.vmdk', '5M'], { cwd: folder.path });
    await exec(['qemu-img', 'create', '-f', 'vmdk', '-b', 'base.vmdk', '-F', 'vmdk', 'image.vmdk'], { cwd: folder.path });
    await expect(vmdkSparse.open(folder.file('image.vmdk'))).rejects.toMatchObject(refusal('it has a parent'));
  });
});

describe('what is refused', () => {
  it.each(both)('is not an unchanged $name', async ({ format }) => {
    expect(await opened(format, () => undefined)).toBe(disk.size);
  });

  it.each<[string, (image: Buffer) => unknown]>([
    ['it has no header', (image) => image.write('KDMX')],
    ['version 7 is not known', (image) => image.writeUInt32LE(7, 4)],
    ['flags 0x800003 are not known', (image) => image.writeUInt32LE(0x80_0003, 8)],
    ['it was transferred as text', (image) => image.write('\n \n\n', 73)],
    ['compressed and have no markers', (image) => image.writeUInt32LE(0x1_0001, 8)],
    ['a disk of 0 sectors is not possible', (image) => image.writeBigUInt64LE(0n, 12)],
    ['grains of 129 sectors are not possible', (image) => image.writeBigUInt64LE(129n, 20)],
    ['tables of 1024 grains are not known', (image) => image.writeUInt32LE(1024, 44)],
    ['its header and its descriptor have different sizes', (image) => image.writeBigUInt64LE(2n ** 20n, 12)],
    ['its descriptor lies past the end', (image) => image.writeBigUInt64LE(2n ** 30n, 28)],
    ['it has no descriptor', (image) => image.fill(0, 512, 1024)],
    ['it has a parent', (image) => image.write('parentCID=12345678', image.indexOf('parentCID='))],
    ['its descriptor of twoGbMaxExtent', (image) => image.write('twoGbMaxExtent"\n', image.indexOf('monolithicSparse'))],
    ['its data lies in other files', (image) => image.write('FLAT  ', image.indexOf('SPARSE'))],
    ['its directory of grain tables lies past the end', (image) => image.writeBigUInt64LE(2n ** 30n, 56)],
    ['lies past the end of the file', (image) => image.writeUInt32LE(2 ** 30, Number(image.readBigUInt64LE(56)) * 512 + 512)],
    ['overlaps with another one', (image) => image.copy(image, tableAt(image), tableAt(image) + 4, tableAt(image) + 8)],
  ])('%s (sparse)', async (message, change) => {
    await expect(opened(vmdkSparse, change)).rejects.toMatchObject(refusal(message));
  });

  it.each<[string, (image: Buffer) => unknown]>([
    ['compression 2 is not known', (image) => image.writeUInt16LE(2, 77)],
    ['it has no footer at its end', (image) => image.writeUInt8(1, image.length - 512)],
    ['it has no footer at its end', (image) => image.writeUInt32LE(2, image.length - 3 * 512 + 12)],
    ['its header and its footer contradict', (image) => image.writeBigUInt64LE(2n ** 17n, image.length - 1024 + 12)],
    ['does not say where the grain tables are', (image) => image.fill(0xff, image.length - 1024 + 56, image.length - 1024 + 64)],
  ])('%s (stream)', async (message, change) => {
    await expect(opened(vmdk, change)).rejects.toMatchObject(refusal(message));
  });

  it.each([
    ['is marked as another one', 0, 9],
    ['more than a grain can have', 10, 9],
    ['does not decompress to a whole grain', 12 + 20, 0xff],
  ])('a grain that %s', async (message, at, value) => {
    await using folder = await testFolder();
    const image = await imageOf(vmdk, disk);
    image[128 * 512 + at] = value;
    await writeFile(folder.file('image'), image);
    const source = await vmdk.open(folder.file('image'));
    await expect(source.read(100_000, 10)).rejects.toMatchObject(refusal(message));
    expect(await source.read(66 * 2 ** 20, 10)).toHaveLength(10);
    await source.close();
    await expect(vmdk.inspect(folder.file('image'), folder.ctx())).rejects.toMatchObject(refusal(message));
  });
});

/** Where the directory of grain tables begins. */
function tableAt(image: Buffer): number {
  return Number(image.readBigUInt64LE(56)) * 512;
}

describe('what is read', () => {
  it('may lie inside another file', async () => {
    await using folder = await testFolder();
    const image = await imageOf(vmdk, disk);
    await writeFile(folder.file('image'), Buffer.concat([Buffer.alloc(1000, 'a'), image, Buffer.alloc(5000, 'z')]));
    const file = await open(folder.file('image'), 'r');
    const source = await readVmdk(bytesIn(folder.file('image'), 'VMDK', file, 1000, image.length));
    expect((await source.read(100_000, 20)).toString()).toMatch(/a line of text/);
    await source.close();
  });

  it.each(both)('is told from other files by its content, and inspected: $name', async ({ name, format }) => {
    await using folder = await testFolder();
    const image = await imageOf(format, disk);
    const probe = { path: 'image', size: image.length, head: image.subarray(0, 65_536), tail: image.subarray(-512) };
    expect([vmdk, vmdkSparse].filter((each) => each.recognizes(probe) === true)).toEqual([format]);
    await writeFile(folder.file('image'), image);
    const found = await format.inspect(folder.file('image'), folder.ctx());
    expect(found).toMatchObject({ facts: { subformat: name, adapter: 'lsilogic', grains: '5 of 1120 in the file' } });
    expect(found?.checksums).toEqual(format === vmdk ? { kind: 'Adler-32', checked: 5 } : undefined);
  });
});
