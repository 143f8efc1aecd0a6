import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runInside } from './chroot.ts';

/** Modules inside the BIOS boot loader's core: all that it needs to read its menu from the root file system and start Linux. */
const coreModules = [
  'biosdisk',
  'part_gpt',
  'ext2',
  'search',
  'search_fs_uuid',
  'normal',
  'configfile',
  'linux',
  'echo',
  'test',
  'serial',
  'terminal',
  'minicmd',
  'gzio',
  'all_video',
  'halt',
  'reboot',
  'ls',
  'cat',
];

/** Files that become the boot partitions; paths in the folder `boot` of a base layer. */
export interface BootFiles {
  /** The 512-byte boot sector and the core that it loads. */
  bios?: { bootSector: string; core: string };
  /** The distribution's signed first and second stage, and the key manager. */
  uefi?: { shim: string; grub: string; mokManager: string };
}

/** Collects the boot loader's files from a tree that has its packages, by that tree's own tools. */
export async function collectBootFiles(
  tools: string,
  folder: string,
  firmware: 'bios' | 'uefi' | 'both',
  environment: Record<string, string>,
): Promise<BootFiles> {
  await mkdir(folder, { recursive: true });
  const files: BootFiles = {};
  if (firmware !== 'uefi') {
    // Without a device in the prefix, GRUB takes the disk that it was started from: the core is the same for every image.
    await runInside(
      tools,
      [
        'grub-mkimage',
        '--format=i386-pc',
        '--directory=/usr/lib/grub/i386-pc',
        '--prefix=(,gpt1)/boot/grub',
        '--output=/run/core.img',
        ...coreModules,
      ],
      environment,
      {
        errorCode: 'BUILD_FAILED',
      },
    );
    await copyFile(join(tools, 'run/core.img'), join(folder, 'core.img'));
    await copyFile(join(tools, 'usr/lib/grub/i386-pc/boot.img'), join(folder, 'boot.img'));
    files.bios = { bootSector: 'boot.img', core: 'core.img' };
  }
  if (firmware !== 'bios') {
    await copyFile(join(tools, 'usr/lib/shim/shimx64.efi.signed'), join(folder, 'shimx64.efi'));
    await copyFile(join(tools, 'usr/lib/grub/x86_64-efi-signed/grubx64.efi.signed'), join(folder, 'grubx64.efi'));
    await copyFile(join(tools, 'usr/lib/shim/mmx64.efi.signed'), join(folder, 'mmx64.efi'));
    files.uefi = { shim: 'shimx64.efi', grub: 'grubx64.efi', mokManager: 'mmx64.efi' };
  }
  return files;
}

/** Makes the boot sector fit for a disk whose boot partition starts at `firstSector`: see GRUB's boot.S for the offsets. */
export async function bootSectorFor(path: string, firstSector: bigint): Promise<Buffer> {
  const sector = Buffer.from((await readFile(path)).subarray(0, 512));
  sector.writeBigUInt64LE(firstSector, 0x5c); // kernel_sector: where the core begins
  sector[0x64] = 0xff; // boot_drive: the one that the firmware names
  sector[0x66] = 0x90; // boot_drive_check: two no-operations, trust the firmware
  sector[0x67] = 0x90;
  return sector;
}

/** Makes the core fit: its first sector holds the list of blocks of the rest (diskboot.S). */
export async function coreFor(path: string, firstSector: bigint): Promise<Buffer> {
  const image = await readFile(path);
  const core = Buffer.alloc(Math.ceil(image.length / 512) * 512);
  image.copy(core);
  core.writeBigUInt64LE(firstSector + 1n, 0x1f4);
  core.writeUInt16LE(core.length / 512 - 1, 0x1fc);
  core.writeUInt16LE(0x820, 0x1fe); // the segment where it is loaded
  return core;
}

export interface BootMenu {
  rootUuid: string;
  title: string;
  kernelArguments: string[];
}

/** The menu on the root file system. `/vmlinuz` and `/initrd.img` are links that Debian's kernel packages keep at the newest kernel. */
export function grubMenu({ rootUuid, title, kernelArguments }: BootMenu): string {
  return `# Made by Gabarit. Where grub2-common is installed, update-grub replaces this file from /etc/default/grub.
serial --unit=0 --speed=115200
terminal_input console serial
terminal_output console serial
set timeout=0
menuentry "${title}" {
	search --no-floppy --fs-uuid --set=root ${rootUuid}
	linux /vmlinuz root=UUID=${rootUuid} ro ${kernelArguments.join(' ')}
	initrd /initrd.img
}
`;
}

/** The menu on the EFI system partition, which the signed GRUB reads first: it only finds the other one. */
export function efiMenu(rootUuid: string): string {
  return `search.fs_uuid ${rootUuid} root
set prefix=($root)/boot/grub
configfile $prefix/grub.cfg
`;
}

/** What update-grub in the running machine is told, so that its menu does what ours does. */
export async function writeGrubDefaults(tree: string, title: string, kernelArguments: string[]): Promise<void> {
  const folder = join(tree, 'etc/default/grub.d');
  await mkdir(folder, { recursive: true });
  await writeFile(
    join(folder, '50-gabarit.cfg'),
    `# Made by Gabarit, from the template's platforms and kernelArguments.
GRUB_DISTRIBUTOR="${title.split(' ')[0]}"
GRUB_CMDLINE_LINUX_DEFAULT=""
GRUB_CMDLINE_LINUX="${kernelArguments.join(' ')}"
GRUB_TIMEOUT=0
GRUB_TERMINAL="console serial"
GRUB_SERIAL_COMMAND="serial --unit=0 --speed=115200"
GRUB_DISABLE_OS_PROBER=true
`,
  );
}
