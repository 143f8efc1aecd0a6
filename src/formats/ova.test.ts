import { createHash } from 'node:crypto';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { XMLParser, XMLValidator } from 'fast-xml-parser';
import * as fc from 'fast-check';
import { pack } from 'tar-stream';
import { describe, expect, it } from 'vitest';
import { builtOf, type Disk, type TestFolder, testFolder, vmOf, writeDisk } from '../../test/disks.ts';
import { needs } from '../../test/tools.ts';
import { tarEntries } from '../../test/xva-files.ts';
import type { FormatFacts } from '../model/format.ts';
import { AppError } from '../util/errors.ts';
import { exec } from '../util/exec.ts';
import { ova, ovaWith } from './ova.ts';
import { vmdk } from './vmdk.ts';

const shape: Disk = {
  size: 12 * 2 ** 20,
  pieces: [
    { kind: 'text', offset: 100_000, length: 900_000 },
    { kind: 'noise', offset: 9_000_000, length: 70_000 },
  ],
};

async function made(folder: TestFolder, vm = vmOf({ name: 'web' }), format = ova): Promise<Buffer> {
  await writeDisk(folder.file('disk'), shape);
  await format.write(builtOf(folder.file('disk'), shape.size), folder.file('x.ova'), folder.ctx(), vm);
  return readFile(folder.file('x.ova'));
}

const inspect = (folder: TestFolder): Promise<FormatFacts> => ova.inspect(folder.file('x.ova'), folder.ctx());

async function tarOf(entries: { name: string; content: Buffer | string }[]): Promise<Buffer> {
  const tar = pack();
  for (const { name, content } of entries) tar.entry({ name }, content);
  tar.finalize();
  const parts: Buffer[] = [];
  for await (const part of tar) parts.push(part as Buffer);
  return Buffer.concat(parts);
}

/** A self-signed certificate with its key, made by openssl. */
async function certificate(folder: TestFolder, algorithm: string[]): Promise<string> {
  const [key, cert] = [folder.file('key.pem'), folder.file('cert.pem')];
  await exec([
    'openssl',
    'req',
    '-x509',
    '-nodes',
    ...algorithm,
    '-keyout',
    key,
    '-out',
    cert,
    '-days',
    '30',
    '-subj',
    '/CN=Template makers',
  ]);
  return `${await readFile(key, 'utf8')}${await readFile(cert, 'utf8')}`;
}

describe('what is written', () => {
  it('is a package: descriptor, manifest and disk, in this order', async () => {
    await using folder = await testFolder();
    const entries = await tarEntries(await made(folder, vmOf({ name: 'my web/1' })));
    expect(entries.map(({ name }) => name)).toEqual(['my-web-1.ovf', 'my-web-1.mf', 'my-web-1-disk1.vmdk']);
    const [descriptor, manifest, disk] = entries.map(({ content }) => content);
    const sum = (bytes: Buffer | undefined): string =>
      createHash('sha256')
        .update(bytes ?? '')
        .digest('hex');
    expect(manifest?.toString()).toBe(`SHA256(my-web-1.ovf)= ${sum(descriptor)}\nSHA256(my-web-1-disk1.vmdk)= ${sum(disk)}\n`);
    await vmdk.write(builtOf(folder.file('disk'), shape.size), folder.file('alone'), folder.ctx(), vmOf());
    expect(disk?.equals(await readFile(folder.file('alone')))).toBe(true);
    expect((await readdir(folder.path)).toSorted()).toEqual(['alone', 'disk', 'x.ova']);
  });

  it('takes a VMDK that is there already, and is the same', async () => {
    await using folder = await testFolder();
    const cold = await made(folder);
    const built = builtOf(folder.file('disk'), shape.size);
    await vmdk.write(built, folder.file('there.vmdk'), folder.ctx(), vmOf());
    await ova.write(
      { ...built, artifacts: { vmdk: folder.file('there.vmdk') } },
      folder.file('hot'),
      folder.ctx(),
      vmOf({ name: 'web' }),
    );
    expect((await readFile(folder.file('hot'))).equals(cold)).toBe(true);
  });

  it.skipIf(needs('qemu-img', 'tar'))('is unpacked by tar into a disk that QEMU reads', async () => {
    await using folder = await testFolder();
    await made(folder);
    await exec(['tar', '-xf', folder.file('x.ova'), '-C', folder.path]);
    await exec(['qemu-img', 'compare', '-f', 'raw', '-F', 'vmdk', folder.file('disk'), folder.file('web-disk1.vmdk')]);
  });

  /** The descriptor, read by a parser of another making, without prefixes. */
  async function descriptorOf(
    vm: Parameters<typeof vmOf>[0],
    format = ova,
  ): Promise<{ xml: string; machine: Record<string, never>; root: Record<string, never> }> {
    await using folder = await testFolder();
    const [descriptor] = await tarEntries(await made(folder, vmOf(vm), format));
    const xml = descriptor?.content.toString() ?? '';
    expect(XMLValidator.validate(xml)).toBe(true);
    const parser = new XMLParser({ ignoreAttributes: false, removeNSPrefix: true, attributeNamePrefix: '@' });
    const root = (parser.parse(xml) as { Envelope: Record<string, never> }).Envelope;
    return { xml, root, machine: root['VirtualSystem'] as never };
  }

  it('describes the machine as vSphere has it', async () => {
    const { root, machine, xml } = await descriptorOf({
      name: 'a<b> & "c"',
      version: '20261123.1',
      digest: 'sha256:12',
      cpus: 3,
      memory: { recommendedMiB: 3000, minimumMiB: 512 },
      os: { title: 'Debian 12 "bookworm"', family: 'debian', release: '12' },
    });
    expect(root).toMatchObject({
      References: { File: { '@id': 'file1', '@href': 'a-b-c-disk1.vmdk', '@size': expect.stringMatching(/^\d+$/) as string } },
      DiskSection: {
        Disk: {
          '@fileRef': 'file1',
          '@diskId': 'vmdisk1',
          '@capacity': String(shape.size),
          '@format': expect.stringContaining('streamOptimized') as string,
        },
      },
      NetworkSection: { Network: { '@name': 'VM Network' } },
    });
    expect(machine).toMatchObject({
      Name: 'a<b> & "c"',
      ProductSection: { Version: 20_261_123.1 },
      OperatingSystemSection: { '@id': '96', '@osType': 'debian10_64Guest' },
      VirtualHardwareSection: {
        System: { VirtualSystemType: 'vmx-13' },
        Item: [
          { ResourceType: 3, VirtualQuantity: 3 },
          { ResourceType: 4, VirtualQuantity: 3000, AllocationUnits: 'byte * 2^20' },
          { ResourceType: 6, ResourceSubType: 'VirtualSCSI', InstanceID: 3 },
          { ResourceType: 17, HostResource: 'ovf:/disk/vmdisk1', Parent: 3 },
          { ResourceType: 10, ResourceSubType: 'VmxNet3', Connection: 'VM Network' },
        ],
        Config: { '@key': 'firmware', '@value': 'bios', '@required': 'false' },
      },
    });
    expect(xml).toContain('sha256:12');
  });

  it('has its parts in the order that the schemas of DMTF want', async () => {
    const { xml } = await descriptorOf({ version: '1', networks: ['a', 'b'] });
    const order = [
      '<References>',
      '<DiskSection>',
      '<NetworkSection>',
      '<VirtualSystem ',
      '<AnnotationSection>',
      '<ProductSection>',
      '<OperatingSystemSection ',
      '<VirtualHardwareSection>',
    ];
    const places = order.map((element) => xml.indexOf(element));
    expect(places).toEqual(places.toSorted((a, b) => a - b));
    expect(places.every((place) => place > 0)).toBe(true);
    // Each section begins with Info; the fields of hardware are in the order of the alphabet, each once.
    for (const section of xml.matchAll(/<(\w+Section|VirtualSystem)[ >][^]*?<(\w+)/g))
      expect(section[2], section[1]).toBe('Info');
    const items = [...xml.matchAll(/<Item>([^]*?)<\/Item>/g)].map(([, item = '']) =>
      [...item.matchAll(/<rasd:(\w+)>/g)].map(([, name = '']) => name),
    );
    expect(items).toHaveLength(6);
    for (const names of items) {
      expect(names).toEqual([...new Set(names)].toSorted());
      expect(names).toEqual(expect.arrayContaining(['ElementName', 'InstanceID', 'ResourceType']));
    }
    const ids = [...xml.matchAll(/<rasd:InstanceID>(\d+)</g)].map(([, id]) => id);
    expect(new Set(ids).size).toBe(ids.length);
    for (const prefix of new Set([...xml.matchAll(/[< ](\w+):\w+[=> ]/g)].map(([, name = '']) => name)))
      expect(xml, prefix).toContain(`xmlns:${prefix}=`.replace('xmlns:xmlns=', 'xmlns='));
  });

  it('asks for UEFI, Secure Boot, other hardware and no network where that is wanted', async () => {
    const debian = { family: 'debian', title: 'Debian', release: '13' };
    const { machine, root } = await descriptorOf({ secureBoot: true, networks: [], os: debian }, ovaWith({ hardware: '20' }));
    expect(root['NetworkSection']).toBeUndefined();
    expect(machine).toMatchObject({
      OperatingSystemSection: { '@osType': 'debian12_64Guest' },
      VirtualHardwareSection: {
        System: { VirtualSystemType: 'vmx-20' },
        Config: [
          { '@key': 'firmware', '@value': 'efi' },
          { '@key': 'bootOptions.efiSecureBootEnabled', '@value': 'true' },
        ],
      },
    });
  });
});

describe.skipIf(needs('openssl'))('a signed package', () => {
  it.each([
    ['RSA', ['-newkey', 'rsa:2048']],
    ['EC', ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1']],
  ])('with a key of %s is verified by openssl, and by inspect', async (_, algorithm) => {
    await using folder = await testFolder();
    const signed = ova.signed?.(await certificate(folder, algorithm));
    const entries = await tarEntries(await made(folder, vmOf({ name: 'web' }), signed));
    expect(entries.map(({ name }) => name)).toEqual(['web.ovf', 'web.mf', 'web.cert', 'web-disk1.vmdk']);
    const text = entries[2]?.content.toString() ?? '';
    const signature = /^SHA256\(web\.mf\)= ([0-9a-f]+)$/m.exec(text)?.[1] ?? '';
    await writeFile(folder.file('signature'), Buffer.from(signature, 'hex'));
    await writeFile(folder.file('manifest'), entries[1]?.content ?? '');
    await writeFile(
      folder.file('public.pem'),
      (await exec(['openssl', 'x509', '-in', folder.file('cert.pem'), '-pubkey', '-noout'])).stdout,
    );
    await exec([
      'openssl',
      'dgst',
      '-sha256',
      '-verify',
      folder.file('public.pem'),
      '-signature',
      folder.file('signature'),
      folder.file('manifest'),
    ]);
    expect((await inspect(folder)).facts).toMatchObject({ 'signed by': 'CN=Template makers' });
    // With another manifest it is not one any more.
    entries[1] = { name: 'web.mf', content: Buffer.from(`${entries[1]?.content.toString() ?? ''}\n`) };
    await writeFile(folder.file('x.ova'), await tarOf(entries));
    await expect(inspect(folder)).rejects.toMatchObject({
      code: 'IMAGE_INVALID',
      message: expect.stringContaining('signature in web.cert') as string,
    });
  });

  it('is refused without a key, or with one of another certificate, and the key is not told', async () => {
    await using folder = await testFolder();
    const first = await certificate(folder, ['-newkey', 'rsa:2048']);
    const second = await certificate(folder, ['-newkey', 'rsa:2048']);
    const [, other = ''] = second.split(/(?=-----BEGIN CERTIFICATE)/);
    for (const pem of ['', other, `${first.split('-----BEGIN CERTIFICATE')[0] ?? ''}${other}`]) {
      const writing = made(folder, vmOf(), ova.signed?.(pem));
      const error = await writing.then(
        () => undefined,
        (caught: unknown) => caught,
      );
      expect(error).toMatchObject({ code: 'CONFIG_INVALID' });
      expect(String(error)).not.toContain('BEGIN');
    }
  });
});

describe('what is refused', () => {
  const refused = async (folder: TestFolder, bytes: Buffer, why: RegExp): Promise<void> => {
    await writeFile(folder.file('x.ova'), bytes);
    await expect(inspect(folder)).rejects.toMatchObject({ code: 'IMAGE_INVALID', message: expect.stringMatching(why) as string });
  };
  let whole: Promise<Buffer> | undefined;
  /** The package with another entry, or with entries left out. */
  const changed = async (
    folder: TestFolder,
    change: (entry: { name: string; content: Buffer }) => { name: string; content: Buffer | string } | undefined,
  ): Promise<Buffer> => {
    whole ??= made(folder);
    return tarOf((await tarEntries(await whole)).flatMap((entry) => change(entry) ?? []));
  };

  it('whatever is not what its manifest or its descriptor says', async () => {
    await using folder = await testFolder();
    const flip = (name: string) => (entry: { name: string; content: Buffer }) => {
      const content = Buffer.from(entry.content);
      if (entry.name === name) content[700] = (content[700] ?? 0) ^ 1;
      return { ...entry, content };
    };
    await refused(folder, await changed(folder, flip('web-disk1.vmdk')), /web-disk1\.vmdk is damaged: its SHA-256 is/);
    await refused(
      folder,
      await changed(folder, (entry) => (entry.name === 'web-disk1.vmdk' ? undefined : entry)),
      /names "web-disk1\.vmdk", which is not in it/,
    );
    await refused(
      folder,
      await changed(folder, (entry) => (entry.name === 'web.mf' ? { ...entry, content: 'hello' } : entry)),
      /a line that is none/,
    );
    await refused(
      folder,
      await changed(folder, (entry) =>
        entry.name === 'web.mf' ? { ...entry, content: entry.content.toString().split('\n')[0] ?? '' } : entry,
      ),
      /does not name web-disk1\.vmdk/,
    );
    await refused(
      folder,
      await changed(folder, (entry) => (entry.name === 'web.ovf' ? { ...entry, content: '<a><b></a>' } : entry)),
      /descriptor cannot be read/,
    );
    await refused(
      folder,
      await changed(folder, (entry) =>
        entry.name === 'web.ovf' ? { ...entry, content: `<!DOCTYPE a>${entry.content.toString()}` } : entry,
      ),
      /defines entities/,
    );
    await refused(
      folder,
      await changed(folder, (entry) =>
        entry.name === 'web.ovf'
          ? { ...entry, content: entry.content.toString().replace('ovf:size', 'ovf:compression="gzip" ovf:size') }
          : entry,
      ),
      /packed with gzip/,
    );
    await refused(folder, await tarOf([{ name: 'readme', content: 'x' }]), /begins with "readme"/);
    await refused(folder, Buffer.from('<html><head><title>No</title></head></html>'.padEnd(600)), /is a web page \("No"\)/);
    await refused(
      folder,
      await changed(folder, (entry) => (entry.name === 'web.mf' ? { name: 'web.ovf', content: 'x' } : entry)),
      /holds web\.ovf twice/,
    );
  });

  it('a package without a manifest is read, and said to have none', async () => {
    await using folder = await testFolder();
    await writeFile(folder.file('x.ova'), await changed(folder, (entry) => (entry.name === 'web.mf' ? undefined : entry)));
    const { facts, checksums } = await inspect(folder);
    expect([facts['manifest'], checksums]).toEqual([false, undefined]);
  });

  it('a file that was cut off anywhere', async () => {
    await using folder = await testFolder();
    const bytes = await made(folder);
    for (let length = 0; length < bytes.length - 2048; length += 7919) {
      await writeFile(folder.file('x.ova'), bytes.subarray(0, length));
      await expect(ova.open(folder.file('x.ova'))).rejects.toMatchObject({ code: 'IMAGE_INVALID' });
    }
  });

  it('500 corruptions end in IMAGE_INVALID or in bytes, never in anything else', async () => {
    await using folder = await testFolder();
    const image = await made(folder);
    const rounds = 500;
    const seen = { read: 0, refused: 0 };
    const position = fc.oneof(fc.nat(6000), fc.nat(6000), fc.nat(image.length - 1));
    const changes = fc.array(fc.tuple(position, fc.oneof(fc.nat(255), fc.constantFrom(0x20, 0x22, 0x3c, 0xff))), {
      minLength: 1,
      maxLength: 4,
    });
    const property = fc.asyncProperty(changes, async (all) => {
      const bytes = Buffer.from(image);
      for (const [at, value] of all) bytes[at] = value;
      await writeFile(folder.file('bad'), bytes);
      try {
        const source = await ova.open(folder.file('bad'));
        await source.read(0, 200_000).finally(() => source.close());
        seen.read += 1;
      } catch (error) {
        if (!(error instanceof AppError) || error.code !== 'IMAGE_INVALID') throw error;
        seen.refused += 1;
      }
    });
    await fc.assert(property, { numRuns: rounds });
    expect(seen.read).toBeGreaterThan(rounds / 20);
    expect(seen.refused).toBeGreaterThan(rounds / 20);
  });
});
