import { readFile, stat, truncate, writeFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { imageOf, is7zipsDisk, readsWhatQemuWrites } from '../../test/disk-peers.ts';
import { builtOf, type Disk, testFolder, vmOf, writeDisk } from '../../test/disks.ts';
import { needs } from '../../test/tools.ts';
import { exec } from '../util/exec.ts';
import { checksumOf } from './vhd/checksum.ts';
import { geometryOf } from './vhd/geometry.ts';
import { vhd, vhdFixed } from './vhd.ts';

const disk: Disk = {
  size: 6 * 2 ** 20,
  pieces: [
    { kind: 'text', offset: 100_000, length: 100_000 },
    { kind: 'noise', offset: 4_300_000, length: 70_000 },
  ],
};

/** Changes an image, makes its checksums right again, and opens it. */
async function opened(change: (image: Buffer) => unknown): Promise<unknown> {
  await using folder = await testFolder();
  const image = await imageOf(vhd, disk);
  change(image);
  for (const [at, length, checksumAt] of [
    [0, 512, 64],
    [512, 1024, 36],
    [image.length - 512, 512, 64],
  ] as const) {
    const part = image.subarray(at, at + length);
    part.writeUInt32BE(checksumOf(part, checksumAt), checksumAt);
  }
  await writeFile(folder.file('image'), image);
  const source = await vhd.open(folder.file('image'));
  await source.close();
  return source.size;
}

/** Both footers. */
function inFooters(change: (footer: Buffer) => void): (image: Buffer) => void {
  return (image) => {
    change(image.subarray(0, 512));
    change(image.subarray(-512));
  };
}

describe('what is written', () => {
  it('has the fields that readers look at', async () => {
    const image = await imageOf(vhd, disk);
    const footer = image.subarray(-512);
    expect(footer.equals(image.subarray(0, 512))).toBe(true);
    expect(footer.toString('latin1', 0, 8)).toBe('conectix');
    expect(footer.toString('latin1', 28, 32)).toBe('win ');
    expect(footer.readBigUInt64BE(48)).toBe(BigInt(disk.size));
    expect(footer.readUInt32BE(60)).toBe(3);
    expect(image.toString('latin1', 512, 520)).toBe('cxsparse');
    expect(image.readUInt32BE(512 + 32)).toBe(2 * 2 ** 20);
    // Three blocks, the middle one zero: in the order of the disk, nothing between them.
    const blockSectors = 1 + 4096;
    expect([0, 4, 8].map((at) => image.readUInt32BE(1536 + at))).toEqual([4, 0xffff_ffff, 4 + blockSectors]);
    expect(image.length).toBe((4 + 2 * blockSectors + 1) * 512);
  });

  it('has its time from the build, and its id from what it was built from or else from its content', async () => {
    await using folder = await testFolder();
    const footerOf = async (shape: Disk, sourceDateEpoch: number, digest = ''): Promise<Buffer> => {
      await writeDisk(folder.file('disk'), shape);
      const built = { ...builtOf(folder.file('disk'), disk.size), sourceDateEpoch };
      await vhd.write(built, folder.file('image'), folder.ctx(), vmOf({ digest }));
      return (await readFile(folder.file('image'))).subarray(0, 512);
    };
    const other: Disk = { ...disk, pieces: [...disk.pieces, { kind: 'text', offset: 5_000_000, length: 1 }] };
    const year2000 = 946_684_800;
    const footers = [await footerOf(disk, year2000 + 77), await footerOf(disk, 5), await footerOf(other, 5)];
    expect(footers.map((footer) => footer.readUInt32BE(24))).toEqual([77, 0, 0]);
    const [first, same, different] = footers.map((footer) => footer.toString('hex', 68, 84));
    expect(first).toMatch(/^.{12}8.{3}[89ab]/);
    expect(same).toBe(first);
    expect(different).not.toBe(first);
    const idOf = async (digest: string): Promise<string> => (await footerOf(disk, 5, digest)).toString('hex', 68, 84);
    expect(await idOf('sha256:1')).toBe(await idOf('sha256:1'));
    expect(new Set([await idOf('sha256:1'), await idOf('sha256:2'), first]).size).toBe(3);
  });

  it('grows to whole MiB', async () => {
    await using folder = await testFolder();
    await writeDisk(folder.file('disk'), { size: 1_000_000, pieces: [] });
    for (const format of [vhd, vhdFixed]) {
      await format.write(builtOf(folder.file('disk'), 1_000_000), folder.file('image'), folder.ctx(), vmOf());
      const source = await format.open(folder.file('image'));
      expect(source.size).toBe(2 ** 20);
      await source.close();
    }
    expect((await stat(folder.file('image'))).size).toBe(2 ** 20 + 512);
  });

  it.each([
    [2040, undefined],
    [2040 + 1 / 1024, 'ends at 2040 GiB'],
  ])('a disk of %d GiB: %s', async (gib, message) => {
    await using folder = await testFolder();
    await writeDisk(folder.file('disk'), disk);
    const writing = vhd.write(builtOf(folder.file('disk'), gib * 2 ** 30), folder.file('image'), folder.ctx(), vmOf());
    if (message !== undefined) {
      await expect(writing).rejects.toMatchObject({ code: 'BUILD_FAILED', message: expect.stringContaining(message) as string });
      return;
    }
    await writing;
    const { stdout } = await exec(['qemu-img', 'info', '--output', 'json', '-f', 'vpc', folder.file('image')]);
    expect(JSON.parse(stdout)).toMatchObject({ 'virtual-size': gib * 2 ** 30 });
  });

  it.skipIf(needs('7z'))('is the same disk to 7-Zip', async () => {
    await is7zipsDisk(vhd, 'VHD');
    await is7zipsDisk(vhdFixed, 'VHD');
  });
});

describe.skipIf(needs('qemu-img'))('reading what qemu-img made', () => {
  it.each(['dynamic,force_size=on', 'dynamic', 'fixed,force_size=on', 'fixed'])('%s', async (subformat) => {
    await readsWhatQemuWrites(vhd, ['-O', 'vpc', '-o', `subformat=${subformat}`]);
  });

  it('takes the same geometry for a size as QEMU', async () => {
    await using folder = await testFolder();
    for (const mib of [1, 3, 67, 503, 504, 1024, 8191, 40_000, 126_000]) {
      await exec(['qemu-img', 'create', '-f', 'vpc', '-o', 'subformat=dynamic', folder.file('image'), `${mib}M`]);
      const source = await vhd.open(folder.file('image'));
      const { cylinders, heads, sectors } = geometryOf(source.size);
      await source.close();
      // QEMU makes the disk as large as a geometry is, which then is its own; beyond 127 GiB there is none.
      expect(cylinders * heads * sectors * 512).toBe(source.size);
    }
  });
});

describe('what is refused', () => {
  it('is nothing of what was only changed and changed back', async () => {
    expect(await opened((image) => image)).toBe(disk.size);
  });

  it.each<[string, (image: Buffer) => unknown]>([
    ['it has a parent', inFooters((footer) => footer.writeUInt32BE(4, 60))],
    ['disk type 9 is not known', inFooters((footer) => footer.writeUInt32BE(9, 60))],
    ['version 0x20000 is not known', inFooters((footer) => footer.writeUInt32BE(0x2_0000, 12))],
    ['is not in whole sectors', inFooters((footer) => footer.writeBigUInt64BE(1_000_001n, 48))],
    ['a disk of 0 bytes is not possible', inFooters((footer) => footer.writeBigUInt64BE(0n, 48))],
    ['a disk of 2251799813685248 bytes is not possible', inFooters((footer) => footer.writeBigUInt64BE(2n ** 51n, 48))],
    ['its header is not in the file', inFooters((footer) => footer.writeBigUInt64BE(2n ** 40n, 16))],
    ['its block table is too small for its size', inFooters((footer) => footer.writeBigUInt64BE(2n ** 30n, 48))],
    ['its two footers contradict each other', (image) => void image.writeBigUInt64BE(2n ** 20n, 48)],
    ['it has no header where its footer says', (image) => void image.write('cxsparsE', 512)],
    ['blocks of 3145728 bytes are not possible', (image) => void image.writeUInt32BE(3 * 2 ** 20, 512 + 32)],
    ['its block table is not in the file', (image) => void image.writeBigUInt64BE(2n ** 40n, 512 + 16)],
    ['which is not inside the file', (image) => void image.writeUInt32BE(4 + 4097 + 2, 1536 + 8)],
    ['overlaps with something else', (image) => void image.writeUInt32BE(5, 1536 + 8)],
    ['overlaps with something else', (image) => void image.writeUInt32BE(2, 1536)],
  ])('%s', async (message, change) => {
    const opening = opened(change);
    await expect(opening).rejects.toMatchObject({
      code: 'IMAGE_INVALID',
      message: expect.stringContaining(message) as string,
    });
  });

  it('a wrong checksum of a footer, or of the header', async () => {
    await using folder = await testFolder();
    const image = await imageOf(vhd, disk);
    for (const [at, message] of [
      [100, 'its footer at its beginning has a wrong checksum'],
      [800, 'its header has a wrong checksum'],
      [image.length - 100, 'its footer at its end has a wrong checksum'],
    ] as const) {
      const bytes = Buffer.from(image);
      bytes[at] = 1;
      await writeFile(folder.file('image'), bytes);
      for (const read of [() => vhd.open(folder.file('image')), () => vhd.inspect(folder.file('image'), folder.ctx())])
        await expect(read()).rejects.toMatchObject({
          code: 'IMAGE_INVALID',
          message: expect.stringContaining(message) as string,
        });
    }
  });

  it('a fixed disk that is shorter or longer than it says', async () => {
    await using folder = await testFolder();
    const image = await imageOf(vhdFixed, disk);
    for (const bytes of [image.subarray(512), Buffer.concat([Buffer.alloc(512), image])]) {
      await writeFile(folder.file('image'), bytes);
      const opening = vhdFixed.open(folder.file('image'));
      await expect(opening).rejects.toMatchObject({ message: expect.stringContaining('it should have 6291968 bytes') as string });
    }
    await truncate(folder.file('image'), 100);
    await expect(vhdFixed.open(folder.file('image'))).rejects.toMatchObject({
      message: expect.stringContaining('it is too short') as string,
    });
  });
});

describe('what is read', () => {
  it('leaves out sectors that were never written', async () => {
    await using folder = await testFolder();
    const image = await imageOf(vhd, disk);
    // The bits of the first block's sectors 200 to 207: bytes from 102,400 to 106,496 of the disk.
    image[4 * 512 + 200 / 8] = 0;
    await writeFile(folder.file('image'), image);
    const source = await vhd.open(folder.file('image'));
    const bytes = await source.read(102_000, 5000);
    await source.close();
    expect(bytes.subarray(0, 400).includes(0)).toBe(false);
    expect(bytes.subarray(400, 4496).every((byte) => byte === 0)).toBe(true);
    expect(bytes.subarray(4496).includes(0)).toBe(false);
  });

  it('is told from other files by its content, and inspected', async () => {
    await using folder = await testFolder();
    for (const format of [vhd, vhdFixed]) {
      const image = await imageOf(format, disk);
      const probe = { path: 'image', size: image.length, head: image.subarray(0, 65_536), tail: image.subarray(-512) };
      expect([vhd, vhdFixed].filter((each) => each.recognizes(probe) === true)).toEqual([format]);
      await writeFile(folder.file('image'), image);
      expect(await format.inspect(folder.file('image'), folder.ctx())).toMatchObject({
        facts: { subformat: format === vhd ? 'dynamic' : 'fixed', creator: 'win', created: '2000-01-01T00:00:00.000Z' },
        checksums: { checked: format === vhd ? 3 : 1 },
      });
    }
  });
});
