import { mkdir, mkdtemp, open, readFile, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { memorySource } from '../../test/small-ext4.ts';
import { needs } from '../../test/tools.ts';
import type { DiskInspection } from '../model/inspection.ts';
import { exec } from '../util/exec.ts';
import { inspectDisk } from './inspect-disk.ts';
import { parseOsRelease } from './read-system.ts';

const MiB = 2 ** 20;
let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'disk-'));
});
afterAll(() => rm(folder, { recursive: true }));

/** A disk with partitions as sfdisk makes them, and these bytes at these places. */
async function disk(script: string, pieces: [offset: number, bytes: Buffer][] = [], sizeMiB = 64): Promise<Buffer> {
  const path = join(folder, 'disk');
  await writeFile(path, '');
  await truncate(path, sizeMiB * MiB);
  if (script !== '') await exec(['sfdisk', '-q', path], { input: script });
  await using file = await open(path, 'r+');
  for (const [offset, bytes] of pieces) await file.write(bytes, 0, bytes.length, offset);
  return readFile(path);
}

/** A file system of a few MiB, made by its own tool, from a tree where that can be. */
async function made(
  command: string[],
  files: Record<string, string | Buffer> = {},
  links: Record<string, string> = {},
): Promise<Buffer> {
  const [tree, image] = [await mkdtemp(join(folder, 'tree-')), join(folder, 'fs')];
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(tree, path)), { recursive: true });
    await writeFile(join(tree, path), content);
  }
  for (const [path, target] of Object.entries(links)) await symlink(target, join(tree, path));
  await writeFile(image, '');
  await truncate(image, 16 * MiB);
  await exec([...command, ...(command[0] === 'mke2fs' ? ['-d', tree] : []), image]);
  return readFile(image);
}

const inspect = (bytes: Buffer): Promise<DiskInspection> => inspectDisk(memorySource(bytes));

function shell(machine: number): Buffer {
  const bytes = Buffer.alloc(64);
  bytes.write('\u007fELF', 'latin1');
  bytes.writeUInt16LE(machine, 18);
  return bytes;
}

const ext4 = ['mke2fs', '-q', '-F', '-t', 'ext4', '-L', 'system'];
const status = (name: string, version: string, state = 'install ok installed'): string =>
  `Package: ${name}\nStatus: ${state}\nVersion: ${version}\n`;
const system = {
  'etc/os-release': 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nID=debian\nVERSION_ID="12"\nVERSION_CODENAME=bookworm\n',
  'etc/debian_version': '12.5\n',
  'usr/bin/dash': shell(183),
  'usr/bin/cloud-init': 'x',
  'usr/sbin/qemu-ga': 'x',
  'boot/vmlinuz-6.1.0-9-arm64': 'x',
  'boot/vmlinuz-6.1.0-18-arm64': 'x',
  'var/lib/dpkg/status': [
    status('cloud-init', '22.4.2'),
    status('qemu-guest-agent', '1:7.2'),
    status('gone', '1', 'deinstall ok config-files'),
  ].join('\n'),
};
const systemLinks = { bin: 'usr/bin', 'usr/bin/sh': 'dash' };

describe.skipIf(needs('sfdisk', 'mke2fs', 'mkfs.vfat'))('a disk', () => {
  it('with GPT tells its partitions, its file systems and the system inside', async () => {
    const script =
      'label: gpt\nstart=2048, size=2048, type=21686148-6449-6E6F-744E-656564454649\nstart=4096, size=32768, type=U, name=esp\nstart=40960, size=32768, type=L, name=root\n';
    const found = await inspect(
      await disk(script, [
        [0, Buffer.alloc(100, 0x90)],
        [2 * MiB, await made(['mkfs.vfat', '-F', '16', '-n', 'BOOT'])],
        [20 * MiB, await made(ext4, system, systemLinks)],
      ]),
    );
    expect(found).toMatchObject({
      virtualSize: 64 * MiB,
      table: 'gpt',
      firmware: ['bios', 'uefi'],
      remarks: [],
      partitions: [
        { number: 1, type: 'BIOS boot', offset: MiB, size: MiB },
        { number: 2, type: 'EFI system', name: 'esp', filesystem: 'vfat', label: 'BOOT' },
        { number: 3, type: 'Linux file system', name: 'root', filesystem: 'ext4', label: 'system', offset: 20 * MiB },
      ],
      system: {
        distro: 'debian',
        family: 'debian',
        title: 'Debian GNU/Linux 12 (bookworm)',
        release: '12',
        pointRelease: '12.5',
        arch: 'arm64',
        kernels: ['6.1.0-18-arm64', '6.1.0-9-arm64'],
        cloudInit: '22.4.2',
        guestAgents: ['qemu-guest-agent 1:7.2'],
        packages: 2,
        partition: 3,
      },
    });
  });

  it('with MBR and logical partitions tells them, and what cannot be read', async () => {
    const script =
      'label: dos\nstart=2048, size=16384, type=83\nstart=20480, size=90000, type=5\nstart=22528, size=32768, type=82\nstart=57344, size=32768, type=7\n';
    const xfs = Buffer.alloc(128);
    xfs.write('XFSB', 0, 'latin1');
    xfs.write('data', 108, 'latin1');
    const swap = Buffer.alloc(4096);
    swap.write('SWAPSPACE2', 4086, 'latin1');
    const found = await inspect(
      await disk(script, [
        [0, Buffer.alloc(50, 0x90)],
        [MiB, xfs],
        [11 * MiB, swap],
        [28 * MiB, Buffer.from('\u00eb\u0052\u0090NTFS    ', 'latin1')],
      ]),
    );
    expect(found).toMatchObject({ table: 'mbr', firmware: ['bios'] });
    expect(found.system).toBeUndefined();
    expect(found.partitions.map(({ number, type, filesystem, label }) => [number, type, filesystem, label])).toEqual([
      [1, 'Linux', 'xfs', 'data'],
      [2, 'extended', undefined, undefined],
      [5, 'Linux swap', 'swap', undefined],
      [6, 'NTFS or exFAT', 'ntfs', undefined],
    ]);
    expect(found.remarks).toEqual([
      'Whatever lies in xfs cannot be read here: only ext4 can.',
      'Whatever lies in ntfs cannot be read here: only ext4 can.',
    ]);
  });

  it('without a partition table may be a file system', async () => {
    const found = await inspect(
      await made(ext4, { 'etc/os-release': 'ID=alpine\nVERSION_ID=3.19.1\nPRETTY_NAME="Alpine Linux v3.19"\n' }),
    );
    expect(found).toMatchObject({
      table: 'none',
      partitions: [{ number: 0, filesystem: 'ext4' }],
      system: { distro: 'alpine', release: '3.19.1', arch: 'unknown', kernels: [], guestAgents: [], partition: 0 },
    });
    expect((await inspect(await made(['mkfs.vfat', '-n', 'STICK']))).partitions).toMatchObject([
      { number: 0, filesystem: 'vfat', label: 'STICK' },
    ]);
  });

  it('that is empty, or too small for anything, is told as such', async () => {
    for (const bytes of [Buffer.alloc(MiB), Buffer.alloc(512), Buffer.alloc(100)])
      expect(await inspect(bytes)).toMatchObject({ table: 'none', partitions: [], firmware: [], remarks: [] });
  });

  it('with a damaged GPT or file system says so, and goes on', async () => {
    const bytes = await disk('label: gpt\nstart=2048, size=32768, type=L\n', [[MiB, await made(ext4, system)]]);
    const broken = Buffer.from(bytes);
    broken.fill(0xaa, MiB + 1024 + 0x78, MiB + 1024 + 0x80);
    expect((await inspect(broken)).remarks).toEqual([expect.stringMatching(/^Partition 1: The root file system is damaged/)]);
    const headless = Buffer.from(bytes);
    headless.fill(0, 512, 1024);
    expect(await inspect(headless)).toMatchObject({ partitions: [{ number: 1 }], system: { distro: 'debian' } });
    headless.fill(0, headless.length - 512);
    expect(await inspect(headless)).toMatchObject({
      table: 'gpt',
      partitions: [],
      remarks: [expect.stringContaining('no valid GUID partition table') as string],
    });
  });
});

it('os-release is read as its manual has it', () => {
  const text =
    '# comment\nID=ubuntu\nID_LIKE="debian"\nNAME=\'A $name\'\nPRETTY_NAME="say \\"hi\\" for \\$5"\nbad line\nEMPTY=\n';
  expect(parseOsRelease(text)).toEqual({
    ID: 'ubuntu',
    ID_LIKE: 'debian',
    NAME: 'A $name',
    PRETTY_NAME: 'say "hi" for $5',
    EMPTY: '',
  });
});
