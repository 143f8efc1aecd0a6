import { readFile, stat, writeFile } from 'node:fs/promises';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { XMLParser, XMLValidator } from 'fast-xml-parser';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { builtOf, type Disk, disks, testFolder, vmOf, writeDisk } from '../../test/disks.ts';
import { blockSize, type ForeignBlock, foreignXml, foreignXva, importXva, tarEntries } from '../../test/xva-files.ts';
import type { BlockSource } from '../model/format.ts';
import { AppError } from '../util/errors.ts';
import { raw } from './raw.ts';
import { xva, xvaWith } from './xva.ts';
import { streamXva } from './xva/stream.ts';

const signal = new AbortController().signal;
const MiB = 2 ** 20;
const shape: Disk = {
  size: 50 * MiB,
  pieces: [
    { kind: 'text', offset: 3 * MiB + 17, length: 2_000_000 },
    { kind: 'zeros', offset: 20 * MiB, length: 3 * MiB },
    { kind: 'noise', offset: 40 * MiB, length: 300_000 },
  ],
};

/** A disk in memory that does not know where it is empty. */
function memoryDisk(bytes: Buffer): BlockSource {
  return {
    size: bytes.length,
    read: (offset, length) => Promise.resolve(Buffer.from(bytes.subarray(offset, offset + length))),
    close: () => Promise.resolve(),
  };
}

async function collect(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const chunk of chunks) parts.push(chunk);
  return Buffer.concat(parts);
}

/** A field of the record of a class in ova.xml, as text. */
function fieldOf(xml: string, kind: string, name: string): string | undefined {
  const record = xml.split('<name>class</name>').find((part) => part.startsWith(`<value>${kind}</value>`));
  return new RegExp(`<name>${name}</name>(<value>.*?</value></member>)`, 's')
    .exec(record ?? '')?.[1]
    ?.replace(/<\/value><\/member>$/, '')
    .slice('<value>'.length);
}

describe('what is written', () => {
  it.each(['xxhash', 'sha1'] as const)('is taken by an importer of another making, with %s', async (checksum) => {
    await using folder = await testFolder();
    await writeDisk(folder.file('disk'), shape);
    await xvaWith({ checksum, compression: 'none' }).write(
      builtOf(folder.file('disk'), shape.size),
      folder.file('x'),
      folder.ctx(),
      vmOf(),
    );
    const bytes = await readFile(folder.file('x'));
    const imported = await importXva(bytes, { 'Ref:010': shape.size });
    expect(imported['Ref:010']?.equals(await readFile(folder.file('disk')))).toBe(true);
    // First and last are there though they are empty, and nothing else that is.
    const names = (await tarEntries(bytes)).map(({ name }) => name).filter((name) => /\/\d+$/.test(name));
    expect(names).toEqual([0, 3, 4, 40, 49].map((index) => `Ref:010/${String(index).padStart(8, '0')}`));
  });

  it('is taken whatever the disk is like', async () => {
    await using folder = await testFolder();
    const property = fc.asyncProperty(
      disks.filter(({ size }) => size < 64 * MiB),
      async (disk) => {
        await writeDisk(folder.file('disk'), disk);
        await xva.write(builtOf(folder.file('disk'), disk.size), folder.file('x'), folder.ctx(), vmOf());
        const size = Math.ceil(disk.size / MiB) * MiB;
        const imported = (await importXva(await readFile(folder.file('x')), { 'Ref:010': size }))['Ref:010'];
        const given = await readFile(folder.file('disk'));
        expect(imported?.subarray(0, given.length).equals(given)).toBe(true);
        expect(imported?.subarray(given.length).every((byte) => byte === 0)).toBe(true);
      },
    );
    await fc.assert(property, { numRuns: 15 });
  });

  it('is as long as was said before, for any disks, and the same when it is sent again', async () => {
    const bytes = fc
      .array(fc.constantFrom(0, 0, 1, 2), { minLength: 1, maxLength: 6 })
      .map((blocks) =>
        Buffer.concat(blocks.map((value, index) => Buffer.alloc(index === blocks.length - 1 ? 70_000 : MiB, value))),
      );
    const property = fc.asyncProperty(
      fc.array(bytes, { minLength: 1, maxLength: 12 }),
      fc.constantFrom('xxhash', 'sha1'),
      async (all, checksum) => {
        const stream = await streamXva(all.map(memoryDisk), vmOf(), { checksum, signal });
        let told = 0;
        const first = await collect(stream.open(signal, (made) => (told = made)));
        expect([first.length, told]).toEqual([stream.length, stream.length]);
        expect((await collect(stream.open(signal))).equals(first)).toBe(true);
        const sizes = all.map((disk, index) => [`Ref:0${10 + index}`, Math.ceil(disk.length / MiB) * MiB]);
        const imported = Object.values(await importXva(first, Object.fromEntries(sizes) as Record<string, number>));
        for (const [index, disk] of all.entries()) expect(imported[index]?.subarray(0, disk.length).equals(disk)).toBe(true);
      },
    );
    await fc.assert(property, { numRuns: 12 });
  });

  it('keeps its promised length when a block becomes zero meanwhile', async () => {
    const bytes = Buffer.alloc(4 * MiB, 7);
    const stream = await streamXva([memoryDisk(bytes)], vmOf(), { signal });
    bytes.fill(0);
    expect((await collect(stream.open(signal))).length).toBe(stream.length);
  });

  it.each(['zstd', 'gzip'] as const)('is the same inside, packed with %s', async (compression) => {
    await using folder = await testFolder();
    await writeDisk(folder.file('disk'), { size: 40 * MiB, pieces: [{ kind: 'noise', offset: 0, length: 11 * MiB }] });
    const built = builtOf(folder.file('disk'), 40 * MiB);
    await xvaWith({ checksum: 'xxhash', compression }).write(built, folder.file('packed'), folder.ctx(), vmOf());
    const source = await xva.open(folder.file('packed'), { spoolDir: folder.path });
    expect((await source.read(0, source.size)).equals(await readFile(folder.file('disk')))).toBe(true);
    await source.close();
    const { facts, checksums } = await xva.inspect(folder.file('packed'), folder.ctx());
    expect([facts['compression'], checksums]).toEqual([compression, { kind: 'XXH64', checked: 12 }]);
  });

  const xmlOf = async (vm: Parameters<typeof vmOf>[0]): Promise<string> => {
    const bytes = await collect((await streamXva([memoryDisk(Buffer.alloc(MiB))], vmOf(vm), { signal })).open(signal));
    return (await tarEntries(bytes))[0]?.content.toString() ?? '';
  };

  it('describes the machine as hosts understand it', async () => {
    const xml = await xmlOf({
      name: 'a<b> & "c" \u0007',
      version: '20261123.1',
      digest: 'sha256:12',
      cpus: 3,
      memory: { recommendedMiB: 3000, minimumMiB: 600 },
      marks: { run: 'r1' },
    });
    expect(XMLValidator.validate(xml)).toBe(true);
    expect(new XMLParser().parse(xml)).toHaveProperty('value.struct.member');
    expect(fieldOf(xml, 'VM', 'name_label')).toBe('a&lt;b&gt; &amp; &quot;c&quot; ');
    expect(fieldOf(xml, 'VM', 'is_a_template')).toBe('<boolean>1</boolean>');
    expect(fieldOf(xml, 'VM', 'VCPUs_max')).toBe('3');
    expect(fieldOf(xml, 'VM', 'memory_static_max')).toBe(String(3000 * MiB));
    expect(fieldOf(xml, 'VM', 'memory_static_min')).toBe(String(600 * MiB));
    const platform = xml.slice(xml.indexOf('<name>platform</name>'));
    expect(platform).toContain('<name>viridian</name><value>false</value>');
    expect(platform).toContain('<name>device-model</name><value>qemu-upstream-compat</value>');
    expect(xml).toContain('<name>firmware</name><value>bios</value>');
    for (const mark of [
      'gabarit:version</name><value>20261123.1<',
      'gabarit:digest</name><value>sha256:12<',
      '>run</name><value>r1<',
    ])
      expect(xml).toContain(mark);
    expect(fieldOf(xml, 'VDI', 'virtual_size')).toBe(String(MiB));
    expect(fieldOf(xml, 'network', 'name_label')).toBe('Pool-wide network associated with eth0');
    expect(xml).toContain('<name>export_vsn</name><value>2</value>');
  });

  it('asks for UEFI and Secure Boot where that is wanted, and for the networks that are named', async () => {
    const xml = await xmlOf({ secureBoot: true, isTemplate: false, networks: [], tags: ['mine'] });
    expect(xml).toContain('<name>firmware</name><value>uefi</value>');
    expect(xml).toContain('<name>secureboot</name><value>true</value>');
    expect(xml).toContain('<value>qemu-upstream-uefi</value>');
    expect(fieldOf(xml, 'VM', 'is_a_template')).toBe('<boolean>0</boolean>');
    expect(fieldOf(xml, 'VM', 'tags')).toBe('<array><data><value>mine</value></data></array>');
    expect(xml).not.toContain('<value>VIF</value>');
    const two = await xmlOf({ networks: ['front', 'back'] });
    expect(two.match(/<value>VIF<\/value>/g)).toHaveLength(2);
  });
});

const filled = (value: number, length = blockSize): Buffer => Buffer.alloc(length, value);

/** Reads a file as a user's command would: all of the disk. */
async function readDisk(bytes: Buffer, disk?: number): Promise<Buffer> {
  await using folder = await testFolder();
  await writeFile(folder.file('x'), bytes);
  const source = await xva.open(folder.file('x'), { spoolDir: folder.path, ...(disk === undefined ? {} : { disk }) });
  try {
    return await source.read(0, source.size);
  } finally {
    await source.close();
  }
}

describe('what hosts export', () => {
  it('is read: a short last block, SHA-1, and empty blocks that kept the connection alive', async () => {
    const bytes = await foreignXva({
      disks: { 'Ref:5': 6 * MiB + 512 },
      blocks: [
        { index: 0, bytes: filled(1) },
        { index: 1, bytes: Buffer.alloc(0) },
        { index: 2, bytes: filled(2), kind: 'sha1' },
        { index: 5, bytes: filled(3) },
        { index: 6, bytes: Buffer.alloc(0) },
        { index: 8, bytes: filled(4, 512) },
      ],
    });
    // Empty blocks count in the numbers and take no room: the block with number 2 is the disk's second.
    const expected = Buffer.concat([filled(1), filled(2), filled(0, 2 * MiB), filled(3), filled(0), filled(4, 512)]);
    expect((await readDisk(bytes)).equals(expected)).toBe(true);
    for (const packed of [
      gzipSync(bytes),
      zstdCompressSync(bytes),
      Buffer.concat([zstdCompressSync(bytes.subarray(0, 99_999)), zstdCompressSync(bytes.subarray(99_999))]),
    ])
      expect((await readDisk(packed)).equals(expected)).toBe(true);
  });

  it('is told of by inspect', async () => {
    await using folder = await testFolder();
    const blocks = [
      { index: 0, bytes: filled(1) },
      { index: 1, bytes: Buffer.alloc(0) },
      { index: 2, bytes: filled(2), kind: 'sha1' as const },
    ];
    await writeFile(folder.file('x'), await foreignXva({ disks: { 'Ref:5': 2 * MiB }, blocks }));
    expect(await xva.inspect(folder.file('x'), folder.ctx())).toMatchObject({
      facts: {
        name: 'from a host',
        template: false,
        cpus: 4,
        'written by': 'XenServer 8.4.0, xapi 1.20',
        'keep-alive blocks': 1,
      },
      disks: 1,
      checksums: { kind: 'XXH64, SHA-1', checked: 3 },
    });
  });

  it('may hold several disks, each of which can be read', async () => {
    const blocks = [
      { disk: 'Ref:10', index: 0, bytes: filled(1) },
      { disk: 'Ref:2', index: 0, bytes: filled(2) },
    ];
    const bytes = await foreignXva({ disks: { 'Ref:2': MiB, 'Ref:10': MiB }, blocks });
    expect((await readDisk(bytes, 0)).equals(filled(2))).toBe(true);
    expect((await readDisk(bytes, 1)).equals(filled(1))).toBe(true);
    await expect(readDisk(bytes, 2)).rejects.toMatchObject({
      code: 'IMAGE_INVALID',
      message: expect.stringContaining('only 2') as string,
    });
  });

  it('can be read at any place', async () => {
    await using folder = await testFolder();
    const small = disks.filter(({ size }) => size < 16 * MiB);
    const property = fc.asyncProperty(
      small,
      fc.array(fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.nat(3 * MiB))),
      async (disk, places) => {
        await writeDisk(folder.file('disk'), disk);
        await xva.write(builtOf(folder.file('disk'), disk.size), folder.file('x'), folder.ctx(), vmOf());
        const [source, given] = [await xva.open(folder.file('x')), await raw.open(folder.file('disk'))];
        for (const [at, length] of places) {
          const offset = Math.floor(at * disk.size);
          const count = Math.min(length, disk.size - offset);
          expect((await source.read(offset, count)).equals(await given.read(offset, count))).toBe(true);
        }
        await Promise.all([source.close(), given.close()]);
      },
    );
    await fc.assert(property, { numRuns: 15 });
  });
});

describe('what is refused', () => {
  const two = (changes: Partial<ForeignBlock>[] = []): ForeignBlock[] =>
    [0, 1].map((index) => ({ index, bytes: filled(index + 1), ...changes[index] }));
  const sized = { 'Ref:5': 2 * MiB };
  const page = Buffer.from('<!DOCTYPE html><html><head><title>502 Bad Gateway</title></head><body>no</body></html>');

  it.each<[string, () => Promise<Buffer>, RegExp]>([
    ['a web page', () => Promise.resolve(page), /is a web page \("502 Bad Gateway"\)/],
    ['an empty file', () => Promise.resolve(Buffer.alloc(0)), /does not begin with ova\.xml/],
    ['another tar file', () => foreignXva({ firstName: 'disk.ovf', blocks: [] }), /does not begin with ova\.xml/],
    [
      'a wrong checksum',
      () => foreignXva({ disks: sized, blocks: two([{}, { checksum: '0'.repeat(16) }]) }),
      /block 1 of disk Ref:5 .* damaged: its XXH64 is [0-9A-F]{16}, not 0{16}/,
    ],
    [
      'a wrong SHA-1',
      () => foreignXva({ disks: sized, blocks: two([{ kind: 'sha1', checksum: 'a'.repeat(40) }]) }),
      /its SHA-1 is/,
    ],
    [
      'a block without checksum',
      () => foreignXva({ disks: sized, blocks: two([{ kind: 'none' }]) }),
      /Ref:5\/00000000 is not followed by its checksum but by "Ref:5\/00000001"/,
    ],
    [
      'blocks in a wrong order',
      () => foreignXva({ disks: sized, blocks: two().toReversed() }),
      /first block of disk Ref:5 is missing/,
    ],
    ['a block twice', () => foreignXva({ disks: sized, blocks: [...two(), ...two().slice(1)] }), /not in order/],
    [
      'disks in a wrong order',
      () =>
        foreignXva({
          disks: { 'Ref:5': MiB, 'Ref:6': MiB },
          blocks: [
            { disk: 'Ref:6', index: 0, bytes: filled(1) },
            { index: 0, bytes: filled(1) },
          ],
        }),
      /disks are not in order/,
    ],
    ['a disk that is too long', () => foreignXva({ disks: { 'Ref:5': MiB }, blocks: two() }), /past the end of its disk/],
    [
      'a disk that is too short',
      () => foreignXva({ disks: { 'Ref:5': 3 * MiB }, blocks: two() }),
      /ends after 2097152 of 3145728 bytes/,
    ],
    ['a missing disk', () => foreignXva({ disks: { ...sized, 'Ref:6': MiB }, blocks: two() }), /disk Ref:6 ends after 0/],
    [
      'a block of an unknown disk',
      () => foreignXva({ disks: sized, blocks: [{ disk: 'Ref:7', index: 0, bytes: filled(1) }] }),
      /no block of a disk that its ova\.xml names/,
    ],
    [
      'an unknown file',
      () => foreignXva({ disks: sized, blocks: [...two(), { disk: '../x', index: 0, bytes: filled(1) }] }),
      /names "\.\.\/x/,
    ],
    [
      'a huge block',
      () => foreignXva({ disks: { 'Ref:5': 40 * MiB }, blocks: [{ index: 0, bytes: filled(1, 17 * MiB) }] }),
      /has 17825792 bytes/,
    ],
    ['damaged XML', () => foreignXva({ xml: '<value><struct>', blocks: [] }), /ova\.xml cannot be read/],
    ['XML without a VM', () => foreignXva({ xml: foreignXml({}).replace('>VM<', '>PBD<'), blocks: [] }), /names no VM/],
    [
      'XML that defines entities',
      () => foreignXva({ xml: `<!DOCTYPE v [<!ENTITY a "b">]>${foreignXml({})}`, blocks: [] }),
      /defines entities/,
    ],
    [
      'a size that is no number',
      () => foreignXva({ xml: foreignXml(sized).replace('2097152', '-1'), blocks: [] }),
      /virtual_size/,
    ],
    ['an export of old', () => foreignXva({ disks: sized, blocks: two(), exportVersion: 0 }), /older than XenServer 4/],
    [
      'data behind the end',
      async () => Buffer.concat([await foreignXva({ disks: sized, blocks: two() }), Buffer.from('more')]),
      /behind its end/,
    ],
    [
      'packed data that is damaged',
      async () => gzipSync(await foreignXva({ disks: sized, blocks: two() })).fill(7, 300, 400),
      /compressed data is damaged|does not begin/,
    ],
    [
      'packed data that is cut off',
      async () => zstdCompressSync(await foreignXva({ disks: sized, blocks: two() })).subarray(0, -9),
      /damaged or cut off/,
    ],
    [
      'what unpacks to too much',
      async () => gzipSync(Buffer.concat([await foreignXva({ disks: sized, blocks: [] }), Buffer.alloc(80 * MiB)])),
      /unpacks to more/,
    ],
  ])('%s', async (_, make, why) => {
    const reading = readDisk(await make());
    await expect(reading).rejects.toMatchObject({ code: 'IMAGE_INVALID', message: expect.stringMatching(why) as string });
  });

  it('a file that was cut off anywhere', async () => {
    const bytes = await foreignXva({ disks: sized, blocks: two() });
    const end = bytes.length - 1024;
    for (let length = 0; length < end; length += 40_009) {
      await expect(readDisk(bytes.subarray(0, length)), `${length} of ${bytes.length} bytes`).rejects.toMatchObject({
        code: 'IMAGE_INVALID',
      });
    }
    // All that is in it is there.
    expect((await readDisk(bytes.subarray(0, end))).length).toBe(2 * MiB);
  });

  const rounds = Number(process.env['FUZZ_ROUNDS'] ?? 1500);
  it(`${rounds} corruptions end in IMAGE_INVALID or in bytes, never in anything else`, async () => {
    await using folder = await testFolder();
    const image = await foreignXva({
      disks: { 'Ref:5': 1024 },
      blocks: [
        { index: 0, bytes: filled(1, 512) },
        { index: 1, bytes: filled(2, 512) },
      ],
    });
    const position = fc.oneof(
      fc.nat(image.length - 1),
      fc.nat(511),
      fc.integer({ min: image.length - 6144, max: image.length - 1 }),
    );
    const change = fc.tuple(position, fc.oneof(fc.nat(255), fc.constantFrom(0x00, 0x30, 0x37, 0x39, 0x80, 0xff)));
    const seen = { read: 0, refused: 0 };
    const property = fc.asyncProperty(
      fc.array(change, { minLength: 1, maxLength: 4 }),
      fc.boolean(),
      async (changes, isSummed) => {
        const bytes = Buffer.from(image);
        for (const [at, value] of changes) bytes[at] = value;
        // A wrong sum would hide what is behind it.
        if (isSummed)
          for (let at = 0; at + 512 <= bytes.length; at += 512)
            if (bytes.toString('latin1', at + 257, at + 262) === 'ustar') sumHeader(bytes.subarray(at, at + 512));
        await writeFile(folder.file('x'), bytes);
        try {
          const source = await xva.open(folder.file('x'));
          await source.read(0, Math.min(source.size, MiB)).finally(() => source.close());
          seen.read += 1;
        } catch (error) {
          if (!(error instanceof AppError) || error.code !== 'IMAGE_INVALID') throw error;
          seen.refused += 1;
        }
      },
    );
    await fc.assert(property, { numRuns: rounds });
    expect(seen.read).toBeGreaterThan(rounds / 50);
    expect(seen.refused).toBeGreaterThan(rounds / 50);
  }, 180_000);

  it('leaves nothing of a file that it unpacked', async () => {
    await using folder = await testFolder();
    await writeFile(folder.file('x'), gzipSync(await foreignXva({ disks: sized, blocks: two() })));
    await using spool = await testFolder();
    const source = await xva.open(folder.file('x'), { spoolDir: spool.path });
    expect((await stat(spool.path)).nlink).toBe(2);
    expect((await source.read(MiB, 10)).equals(filled(2, 10))).toBe(true);
    await source.close();
  });
});

function sumHeader(header: Buffer): void {
  header.fill(' ', 148, 156);
  let sum = 0;
  for (const byte of header) sum += byte;
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
}
