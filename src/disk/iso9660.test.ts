import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { memorySource } from '../../test/small-ext4.ts';
import { needs } from '../../test/tools.ts';
import type { MediumInspection } from '../model/inspection.ts';
import { AppError } from '../util/errors.ts';
import { exec } from '../util/exec.ts';
import { inspectMedium } from './inspect-medium.ts';
import { looksLikeIso9660, openIso9660 } from './iso9660.ts';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'iso-'));
});
afterAll(() => rm(folder, { recursive: true }));

type Files = Record<string, string | Buffer>;

/** The bytes of a medium that xorriso makes of these files. */
async function medium(files: Files, volume: string, options: string[] = []): Promise<Buffer> {
  const tree = await mkdtemp(join(folder, 'tree-'));
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(tree, path)), { recursive: true });
    await writeFile(join(tree, path), content);
  }
  await exec(['xorriso', '-as', 'mkisofs', '-quiet', '-V', volume, ...options, '-o', `${tree}.iso`, tree]);
  return readFile(`${tree}.iso`);
}

const inspect = async (bytes: Buffer): Promise<MediumInspection> => inspectMedium(await openIso9660(memorySource(bytes)));

/** The beginning of an initrd as Debian's installer has it: a cpio archive with a program and the installer's own release file. */
function installerInitrd(lines: string): Buffer {
  const file = (name: string, content: Buffer): Buffer => {
    const fields = [1, 0o100644, 0, 0, 1, 0, content.length, 0, 0, 0, 0, name.length + 1, 0];
    const head = `070701${fields.map((field) => field.toString(16).padStart(8, '0')).join('')}${name}\0`;
    const pad = (bytes: Buffer): Buffer => Buffer.concat([bytes, Buffer.alloc((4 - (bytes.length % 4)) % 4)]);
    return Buffer.concat([pad(Buffer.from(head, 'latin1')), pad(content)]);
  };
  const program = Buffer.alloc(64);
  program.write('\u007fELF', 'latin1');
  program.writeUInt16LE(62, 18);
  return gzipSync(
    Buffer.concat([
      file('bin/busybox', program),
      file('etc/lsb-release', Buffer.from(lines)),
      file('TRAILER!!!', Buffer.alloc(0)),
    ]),
  );
}

describe.skipIf(needs('xorriso'))('a medium', () => {
  it.each<[string, string[]]>([
    ['Rock Ridge', ['-R']],
    ['Joliet', ['-J', '--norock']],
    ['Rock Ridge and Joliet', ['-R', '-J']],
  ])('with names by %s is read', async (_, options) => {
    const files = {
      '.disk/info': 'x',
      'a folder/With Some_Long.name.txt': 'long\n',
      'deep/er/and/deeper/file': Buffer.alloc(70_000, 7),
      'é.txt': 'e',
    };
    const iso = await openIso9660(memorySource(await medium(files, 'TEST', options)));
    for (const [path, content] of Object.entries(files))
      expect((await iso.readFile(path))?.equals(Buffer.from(content)), path).toBe(true);
    expect((await iso.list('/')).map(({ name }) => name).toSorted()).toEqual(['.disk', 'a folder', 'deep', 'é.txt']);
    expect(await iso.readFile('/absent/file')).toBeUndefined();
    expect(await iso.readFile('/deep')).toBeUndefined();
    expect(await iso.list('/é.txt')).toEqual([]);
    expect(iso.volumeId).toBe('TEST');
  });

  it('with plain names is read, in any case', async () => {
    const iso = await openIso9660(memorySource(await medium({ 'readme.txt': 'x' }, 'PLAIN', ['--norock'])));
    expect((await iso.readText('/README.TXT')) ?? (await iso.readText('/readme.txt'))).toBe('x');
    expect(await iso.readText('/readme.txt')).toBe('x');
  });

  it('with thousands of files is read', async () => {
    const files = Object.fromEntries(Array.from({ length: 1500 }, (_, index) => [`pool/file-number-${index}`, `${index}`]));
    const iso = await openIso9660(memorySource(await medium(files, 'MANY', ['-R'])));
    expect(await iso.list('/pool')).toHaveLength(1500);
    expect(await iso.readText('/pool/file-number-1499')).toBe('1499');
  });

  const netinst = { 'install.amd/vmlinuz': 'k', 'install.amd/initrd.gz': 'i', '.disk/base_installable': '' };
  const cases: [string, Files, string, Partial<MediumInspection>][] = [
    [
      'Debian netinst',
      { ...netinst, '.disk/info': 'Debian GNU/Linux 12.5.0 "Bookworm" - Official amd64 NETINST with firmware 20240210-11:27' },
      'Debian 12.5.0 amd64 n',
      {
        kind: 'installer',
        installer: 'debian-installer',
        distro: 'debian',
        release: '12.5.0',
        codename: 'bookworm',
        arch: 'amd64',
        flavour: 'netinst',
      },
    ],
    [
      'Debian for two architectures',
      {
        ...netinst,
        '.disk/info': 'Debian GNU/Linux 11.6.0 "Bullseye" - Official Multi-architecture amd64/i386 NETINST 20221217-10:42',
      },
      'Debian 11.6.0 M-A 1',
      { installer: 'debian-installer', release: '11.6.0', arch: 'amd64/i386' },
    ],
    [
      'Debian testing DVD',
      {
        ...netinst,
        '.disk/info': 'Debian GNU/Linux testing "Trixie" - Official Snapshot amd64 DVD Binary-1 with firmware 20250101-09:00',
      },
      'Debian testing amd64 1',
      { release: 'testing', codename: 'trixie', flavour: 'dvd', arch: 'amd64' },
    ],
    [
      'Debian live',
      { 'live/filesystem.squashfs': 's', '.disk/info': 'Official Debian GNU/Linux Live 12.5.0 gnome 2024-02-10T12:11' },
      'd-live 12.5.0 gn amd64',
      { kind: 'live', distro: 'debian', release: '12.5.0' },
    ],
    [
      'Ubuntu server',
      {
        'casper/install-sources.yaml': 'x',
        'casper/vmlinuz': 'k',
        '.disk/info': 'Ubuntu-Server 24.04 LTS "Noble Numbat" - Release amd64 (20240423)',
      },
      'Ubuntu-Server 24.04 LTS amd64',
      { kind: 'installer', installer: 'subiquity', distro: 'ubuntu', release: '24.04', codename: 'noble numbat', arch: 'amd64' },
    ],
    [
      'Rocky',
      {
        'images/pxeboot/vmlinuz': 'k',
        'images/install.img': 's',
        '.treeinfo':
          '[general]\nname = Rocky Linux 9.3\nfamily = Rocky Linux\nversion = 9.3\narch = x86_64\nvariant = BaseOS\n[release]\nname = Rocky Linux\n',
      },
      'Rocky-9-3-x86_64-dvd',
      { kind: 'installer', installer: 'anaconda', distro: 'rocky', release: '9.3', arch: 'amd64', title: 'Rocky Linux 9.3' },
    ],
    [
      'RHEL',
      { 'images/install.img': 's', '.treeinfo': '[general]\nfamily = Red Hat Enterprise Linux\nversion = 8.9\narch = aarch64\n' },
      'RHEL-8-9-0-BaseOS-aarch64',
      { installer: 'anaconda', distro: 'rhel', release: '8.9', arch: 'arm64' },
    ],
    [
      'SUSE',
      { 'media.1/products': '/ openSUSE-Leap 15.6-1\n', 'boot/x86_64/loader/linux': 'k' },
      'openSUSE-Leap',
      { installer: 'autoyast', distro: 'opensuse', release: '15.6', arch: 'amd64' },
    ],
    [
      'Alpine',
      { '.alpine-release': 'alpine-virt-3.19.1 240126', 'apks/x86_64/APKINDEX.tar.gz': 'x' },
      'alpine-virt',
      { distro: 'alpine', release: '3.19.1', flavour: 'virt', arch: 'amd64' },
    ],
    ['a seed', { 'user-data': '#cloud-config\n', 'meta-data': '' }, 'cidata', { kind: 'seed', flavour: 'NoCloud' }],
    ['files', { 'readme.txt': 'x' }, 'FILES', { kind: 'data' }],
    [
      'nothing but an installer',
      {
        linux: 'k',
        'initrd.gz': installerInitrd(
          'DISTRIB_ID=Debian\nDISTRIB_DESCRIPTION="Debian GNU/Linux installer"\nDISTRIB_RELEASE="12 (bookworm) - installer build 20230607+deb12u15"\nX_INSTALLATION_MEDIUM=netboot\n',
        ),
      },
      'ISOIMAGE',
      {
        kind: 'installer',
        installer: 'debian-installer',
        distro: 'debian',
        release: '12',
        codename: 'bookworm',
        arch: 'amd64',
        flavour: 'netboot',
        source: '/initrd.gz',
      },
    ],
  ];
  it.each(cases)('of %s is known by what lies on it', async (_, files, volume, expected) => {
    const found = await inspect(await medium(files, volume, ['-R', '-J']));
    expect(found).toMatchObject({ ...expected, volumeId: volume });
  });

  it('tells what it starts by', async () => {
    const files = { 'boot/loader.bin': Buffer.alloc(2048, 1), 'boot/efi.img': Buffer.alloc(4096, 1) };
    const bios = ['-b', 'boot/loader.bin', '-no-emul-boot', '-boot-load-size', '4'];
    const uefi = ['-eltorito-alt-boot', '-e', 'boot/efi.img', '-no-emul-boot'];
    expect((await inspect(await medium(files, 'B', ['-R', ...bios]))).firmware).toEqual(['bios']);
    expect((await inspect(await medium(files, 'B', ['-R', ...bios, ...uefi]))).firmware).toEqual(['bios', 'uefi']);
    expect((await inspect(await medium(files, 'B', ['-R', ...uefi.slice(1)]))).firmware).toEqual(['uefi']);
    expect((await inspect(await medium(files, 'B'))).firmware).toEqual([]);
  });

  it('that is damaged or cut off anywhere ends in IMAGE_INVALID or in some answer', async () => {
    const whole = await medium(
      { ...netinst, '.disk/info': 'Debian GNU/Linux 12.5.0 "Bookworm" - Official amd64 NETINST', 'a/b/c': 'd' },
      'D',
      ['-R', '-J'],
    );
    const look = async (bytes: Buffer): Promise<boolean> => {
      try {
        const source = memorySource(bytes);
        if (!(await looksLikeIso9660(source))) return false;
        await inspectMedium(await openIso9660(source));
        return true;
      } catch (error) {
        if (error instanceof AppError && error.code === 'IMAGE_INVALID') return false;
        throw error;
      }
    };
    expect(await look(whole)).toBe(true);
    for (let length = 0; length < whole.length; length += 5003) await look(whole.subarray(0, length));
    const used = Array.from(whole.keys()).filter((at) => at >= 32_768 && whole[at] !== 0);
    const change = fc.tuple(fc.nat(used.length - 1), fc.oneof(fc.nat(255), fc.constantFrom(0, 0x80, 0xff)));
    const seen = { read: 0, refused: 0 };
    const property = fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 8 }), async (changes) => {
      const bytes = Buffer.from(whole);
      for (const [index, value] of changes) bytes[used[index] ?? 0] = value;
      seen[(await look(bytes)) ? 'read' : 'refused'] += 1;
    });
    await fc.assert(property, { numRuns: 1500 });
    expect(seen.read).toBeGreaterThan(50);
    expect(seen.refused).toBeGreaterThan(20);
  });
});
