import { mkdtemp, open, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { needs } from '../../../test/tools.ts';
import { exec } from '../../util/exec.ts';
import { diskIdentity, diskLayout, efiVolumeId, writeBootPartitions } from './disk-layout.ts';
import { type BootFiles, grubMenu } from './grub.ts';

const MiB = 2 ** 20;
const time = Date.UTC(2026, 0, 2) / 1000;
const all: BootFiles = {
  bios: { bootSector: 'boot.img', core: 'core.img' },
  uefi: { shim: 'shim', grub: 'grub', mokManager: 'mok' },
};

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'layout-'));
  await writeFile(join(folder, 'boot.img'), Buffer.alloc(512, 0xbb));
  await writeFile(join(folder, 'core.img'), Buffer.alloc(30_000, 0xcc));
  for (const name of ['shim', 'grub', 'mok']) await writeFile(join(folder, name), name.repeat(1000));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function write(files: BootFiles, seed = 'seed'): Promise<string> {
  const disk = join(folder, 'disk');
  await rm(disk, { force: true });
  await using file = await open(disk, 'w');
  await file.truncate(128 * MiB);
  await file.write('root file system', diskLayout(128 * MiB).root.offset);
  await writeBootPartitions(disk, diskLayout(128 * MiB), diskIdentity(seed), folder, files, time);
  return disk;
}

describe('the layout of a disk', () => {
  test('is aligned, without overlaps, and leaves room for the second table', () => {
    fc.assert(
      fc.property(fc.integer({ min: 64 * MiB, max: 2 ** 42 }), (size) => {
        const { bios, efi, root } = diskLayout(size);
        const places = [bios, efi, root];
        for (const { offset, size: length } of places) expect([offset % MiB, length % MiB]).toEqual([0, 0]);
        expect(bios.offset + bios.size).toBeLessThanOrEqual(efi.offset);
        expect(efi.offset + efi.size).toBeLessThanOrEqual(root.offset);
        expect(root.offset + root.size).toBeLessThanOrEqual(size - 33 * 512);
        expect(root.offset + root.size).toBeGreaterThan(size - 3 * MiB);
      }),
    );
  });
});

describe.skipIf(needs('sgdisk', 'sfdisk', 'fsck.vfat', 'mcopy'))('boot partitions', () => {
  test('make a disk that others read, and leave the root file system alone', async () => {
    const disk = await write(all);
    expect((await exec(['sgdisk', '--verify', disk])).stdout).toContain('No problems found');
    const bytes = await readFile(disk);
    const { bios, efi, root } = diskLayout(128 * MiB);
    expect(bytes.subarray(root.offset, root.offset + 16).toString()).toBe('root file system');
    expect(bytes.readBigUInt64LE(0x5c)).toBe(BigInt(bios.offset / 512));
    expect(bytes.readBigUInt64LE(bios.offset + 0x1f4)).toBe(BigInt(bios.offset / 512 + 1));
    expect(bytes.readUInt16LE(bios.offset + 0x1fc)).toBe(Math.ceil(30_000 / 512) - 1);
    await writeFile(join(folder, 'esp'), bytes.subarray(efi.offset, efi.offset + efi.size));
    await exec(['fsck.vfat', '-n', join(folder, 'esp')]);
    const shim = await exec(['mcopy', '-i', join(folder, 'esp'), '::EFI/BOOT/BOOTX64.EFI', '-']);
    expect(shim.stdout).toBe('shim'.repeat(1000));
    const menu = await exec(['mcopy', '-i', join(folder, 'esp'), '::EFI/DEBIAN/GRUB.CFG', '-']);
    expect(menu.stdout).toContain(`search.fs_uuid ${diskIdentity('seed').rootUuid} root`);
    expect(efiVolumeId(diskIdentity('seed'))).toMatch(/^[0-9A-F]{4}-[0-9A-F]{4}$/);
    // Holes stay holes.
    expect((await stat(disk)).blocks * 512).toBeLessThan(3 * MiB);
  });

  test('are only those of the firmware', async () => {
    const names = async (files: BootFiles): Promise<string[]> => {
      const { stdout } = await exec(['sfdisk', '--json', await write(files)]);
      return (JSON.parse(stdout) as { partitiontable: { partitions: { name: string }[] } }).partitiontable.partitions.map(
        ({ name }) => name,
      );
    };
    expect(await names({ bios: { bootSector: 'boot.img', core: 'core.img' } })).toEqual(['root', 'bios']);
    expect(await names({ uefi: { shim: 'shim', grub: 'grub', mokManager: 'mok' } })).toEqual(['root', 'esp']);
  });

  test('are the same for the same seed, and have other identities for another', async () => {
    const [one, two, other] = [
      await readFile(await write(all)),
      await readFile(await write(all)),
      await readFile(await write(all, 'else')),
    ];
    expect(one.equals(two)).toBe(true);
    expect(one.subarray(0, 2 * MiB).equals(other.subarray(0, 2 * MiB))).toBe(false);
  });
});

describe.skipIf(needs('grub-script-check'))('the boot menu', () => {
  test.each([[['quiet', 'console=ttyS0,115200n8']], [['a=[x]', 'b=c:d,e']], [[]]])(
    'is one that GRUB understands: %j',
    async (kernelArguments: string[]) => {
      const menu = grubMenu({ rootUuid: '0f0e0d0c-0b0a-8908-8706-050403020100', title: 'Debian 12 "bookworm"', kernelArguments });
      await writeFile(join(folder, 'grub.cfg'), menu);
      await exec(['grub-script-check', join(folder, 'grub.cfg')]);
      for (const argument of kernelArguments) expect(menu).toContain(argument);
    },
  );
});
