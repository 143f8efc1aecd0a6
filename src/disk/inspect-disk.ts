import type { BlockSource } from '../model/format.ts';
import type { DiskInspection, PartitionInspection } from '../model/inspection.ts';
import { AppError } from '../util/errors.ts';
import { openExt4 } from './ext4-rootfs.ts';
import { filesystemKind } from './filesystem-kind.ts';
import { partitionTitles, type PartitionTable, readPartitionTable } from './partition-table.ts';
import { readSystem } from './read-system.ts';

/**
 * What a disk holds: partitions, file systems, the operating system. What cannot be read is said, and is no error, except damage
 * to the image itself. @throws AppError IMAGE_INVALID
 */
export async function inspectDisk(source: BlockSource): Promise<DiskInspection> {
  const ranges = (await source.dataIn?.(0, source.size)) ?? [{ offset: 0, length: source.size }];
  const table = await readPartitionTable(source);
  const remarks = table.fault === undefined ? [] : [table.fault];
  const partitions = await inspectPartitions(source, table);
  const system = await findSystem(source, partitions, remarks);
  return {
    virtualSize: source.size,
    allocated: ranges.reduce((sum, { length }) => sum + length, 0),
    table: table.kind,
    partitions,
    firmware: firmwareOf(table, partitions),
    ...(system === undefined ? {} : { system }),
    remarks,
  };
}

async function inspectPartitions(source: BlockSource, table: PartitionTable): Promise<PartitionInspection[]> {
  const whole = { number: 0, type: 'whole disk', name: '', offset: 0, size: source.size };
  const places = table.kind === 'none' ? [whole] : table.partitions;
  const found: PartitionInspection[] = [];
  for (const { number, type, name, offset, size } of places) {
    const filesystem = await filesystemKind(source, offset, size);
    if (table.kind === 'none' && filesystem === undefined) continue;
    found.push({
      number,
      type: partitionTitles[type] ?? type,
      name,
      offset,
      size,
      ...(filesystem === undefined ? {} : { filesystem: filesystem.kind }),
      ...(filesystem?.label === undefined ? {} : { label: filesystem.label }),
    });
  }
  return found;
}

function firmwareOf({ kind, hasBootCode }: PartitionTable, partitions: PartitionInspection[]): ('bios' | 'uefi')[] {
  const has = (title: string): boolean => partitions.some(({ type }) => type === title);
  const isBios = hasBootCode && (kind === 'mbr' || (kind === 'gpt' && (has('BIOS boot') || has('FreeBSD boot'))));
  return [...(isBios ? (['bios'] as const) : []), ...(has('EFI system') ? (['uefi'] as const) : [])];
}

/** The first file system with an operating system in it, the largest first: a rescue system is smaller. */
async function findSystem(
  source: BlockSource,
  partitions: PartitionInspection[],
  remarks: string[],
): Promise<DiskInspection['system']> {
  const readable = partitions.filter(({ filesystem }) => filesystem?.startsWith('ext') === true);
  for (const { number, offset, size } of readable.toSorted((a, b) => b.size - a.size)) {
    try {
      const system = await readSystem(await openExt4(source, offset, size));
      if (system) return { ...system, partition: number };
    } catch (error) {
      if (!(error instanceof AppError) || error.code !== 'IMAGE_INVALID') throw error;
      remarks.push(`${number === 0 ? 'The file system' : `Partition ${number}`}: ${error.message}`);
    }
  }
  const others = new Set(partitions.flatMap(({ filesystem }) => (filesystem === undefined ? [] : [filesystem])));
  for (const kind of ['xfs', 'btrfs', 'ntfs', 'crypto_LUKS', 'BitLocker', 'LVM2_member'])
    if (others.has(kind)) remarks.push(`Whatever lies in ${kind} cannot be read here: only ext4 can.`);
  return undefined;
}
