import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { fat32Image } from '../../disk/fat32-writer.ts';
import { gptPieces, type NewPartition, type Piece, partitionTypes, sectorSize } from '../../disk/gpt-writer.ts';
import { derivedUuid } from '../../util/digest.ts';
import { type BootFiles, bootSectorFor, coreFor, efiMenu } from './grub.ts';

const MiB = 2 ** 20;
const efiSystemSize = 34 * MiB;

/** Where everything lies on the disk. Bytes. */
export interface DiskLayout {
  size: number;
  bios: { offset: number; size: number };
  efi: { offset: number; size: number };
  root: { offset: number; size: number };
}

/** BIOS boot, EFI system, root: the same places for every firmware, so that a base serves them all; root is last, and grows. */
export function diskLayout(size: number): DiskLayout {
  const bios = { offset: MiB, size: MiB };
  const efi = { offset: bios.offset + bios.size, size: efiSystemSize };
  const start = efi.offset + efi.size;
  return { size, bios, efi, root: { offset: start, size: Math.floor((size - MiB - start) / MiB) * MiB } };
}

export interface DiskIdentity {
  /** Everything that must differ between two builds is derived from this: the plan's id. */
  seed: string;
  rootUuid: string;
}

export function diskIdentity(seed: string): DiskIdentity {
  return { seed, rootUuid: derivedUuid(seed, 'root file system') };
}

/** The EFI system partition's volume id, as /etc/fstab names it: `1A2B-3C4D`. */
export function efiVolumeId(identity: DiskIdentity): string {
  const hex = derivedUuid(identity.seed, 'efi system').slice(0, 8).toUpperCase();
  return `${hex.slice(0, 4)}-${hex.slice(4)}`;
}

/** Writes partition table and boot loaders into a raw disk whose root file system is in place. */
export async function writeBootPartitions(
  disk: string,
  layout: DiskLayout,
  identity: DiskIdentity,
  bootDir: string,
  files: BootFiles,
  time: number,
): Promise<void> {
  const partition = (
    number: number,
    type: string,
    name: string,
    { offset, size }: { offset: number; size: number },
  ): NewPartition => ({
    number,
    type,
    uuid: derivedUuid(identity.seed, `partition ${name}`),
    name,
    firstSector: sectors(offset),
    lastSector: sectors(offset + size) - 1,
  });
  const partitions = [partition(1, partitionTypes.linuxRootX64, 'root', layout.root)];
  const pieces: Piece[] = [];
  let bootSector: Buffer | undefined;
  if (files.bios) {
    partitions.push(partition(14, partitionTypes.biosBoot, 'bios', layout.bios));
    bootSector = await bootSectorFor(join(bootDir, files.bios.bootSector), BigInt(sectors(layout.bios.offset)));
    const core = await coreFor(join(bootDir, files.bios.core), BigInt(sectors(layout.bios.offset)));
    pieces.push({ offset: layout.bios.offset, bytes: core });
  }
  if (files.uefi) {
    partitions.push(partition(15, partitionTypes.efiSystem, 'esp', layout.efi));
    pieces.push({ offset: layout.efi.offset, bytes: await efiSystemPartition(layout, identity, bootDir, files.uefi, time) });
  }
  pieces.push(...gptPieces(layout.size, derivedUuid(identity.seed, 'disk'), partitions, bootSector));
  await using file = await open(disk, 'r+');
  for (const { offset, bytes } of pieces) await writeSparse(file, offset, bytes);
}

/** The removable-media path, which every firmware tries, and Debian's own, from which shim and GRUB find their files. */
async function efiSystemPartition(
  layout: DiskLayout,
  identity: DiskIdentity,
  bootDir: string,
  files: NonNullable<BootFiles['uefi']>,
  time: number,
): Promise<Buffer> {
  const read = async (name: string): Promise<Buffer> => {
    await using file = await open(join(bootDir, name), 'r');
    return file.readFile();
  };
  const [shim, grub, mokManager] = await Promise.all([read(files.shim), read(files.grub), read(files.mokManager)]);
  return fat32Image(
    [
      { path: 'EFI/BOOT/BOOTX64.EFI', content: shim },
      { path: 'EFI/BOOT/GRUBX64.EFI', content: grub },
      { path: 'EFI/BOOT/MMX64.EFI', content: mokManager },
      { path: 'EFI/DEBIAN/GRUB.CFG', content: Buffer.from(efiMenu(identity.rootUuid)) },
    ],
    {
      size: layout.efi.size,
      label: 'ESP',
      volumeId: Number.parseInt(efiVolumeId(identity).replace('-', ''), 16),
      time,
      hiddenSectors: sectors(layout.efi.offset),
    },
  );
}

function sectors(bytes: number): number {
  return bytes / sectorSize;
}

/** Writes bytes without turning holes into blocks. */
async function writeSparse(
  file: { write(buffer: Buffer, offset: number, length: number, position: number): Promise<unknown> },
  offset: number,
  bytes: Buffer,
): Promise<void> {
  const step = 4096;
  const zeros = Buffer.alloc(step);
  for (let at = 0; at < bytes.length; at += step) {
    const length = Math.min(step, bytes.length - at);
    if (bytes.compare(zeros, 0, length, at, at + length) !== 0) await file.write(bytes, at, length, offset + at);
  }
}
