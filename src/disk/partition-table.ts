import type { BlockSource } from '../model/format.ts';
import { AppError } from '../util/errors.ts';
import { readPartitions } from './gpt.ts';

/** Partition tables of any kind, for looking at disks that others made. */

const sectorSize = 512;
/** Logical partitions are a chain; it may be a circle. */
const maxLogical = 128;
const protective = 0xee;
const extendedTypes = new Set([0x05, 0x0f, 0x85]);

export interface TablePartition {
  number: number;
  /** A GUID, or `0x83`. */
  type: string;
  name: string;
  /** Bytes. */
  offset: number;
  size: number;
}

export interface PartitionTable {
  kind: 'gpt' | 'mbr' | 'none';
  partitions: TablePartition[];
  /** Whether the first sector holds code for a BIOS. */
  hasBootCode: boolean;
  /** What is wrong with a table that is there. */
  fault?: string;
}

/** Reads the table of a disk, or says that there is none. */
export async function readPartitionTable(source: BlockSource): Promise<PartitionTable> {
  if (source.size < sectorSize) return { kind: 'none', partitions: [], hasBootCode: false };
  const first = await source.read(0, sectorSize);
  const hasBootCode = first.subarray(0, 440).some((byte) => byte !== 0);
  if (first.readUInt16LE(510) !== 0xaa55) return { kind: 'none', partitions: [], hasBootCode: false };
  const entries = mbrEntries(first, 0, source.size);
  if (entries.some(({ code }) => code === protective)) {
    try {
      const partitions = await readPartitions(source);
      return { kind: 'gpt', partitions, hasBootCode };
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      return { kind: 'gpt', partitions: [], hasBootCode, fault: error.message };
    }
  }
  // The first sector of a file system ends like one of partitions.
  if (entries.length === 0) return { kind: 'none', partitions: [], hasBootCode };
  const partitions = entries.map(({ index, code, offset, size }) => partitionOf(index + 1, code, offset, size));
  for (const { code, offset, size } of entries) {
    if (extendedTypes.has(code)) partitions.push(...(await logicalPartitions(source, offset, size)));
  }
  return { kind: 'mbr', partitions, hasBootCode };
}

interface MbrEntry {
  index: number;
  code: number;
  offset: number;
  size: number;
}

/** The entries of a table, none when one of them cannot be. Offsets count from `base`. */
function mbrEntries(sector: Buffer, base: number, diskSize: number): MbrEntry[] {
  const entries: MbrEntry[] = [];
  for (let index = 0; index < 4; index += 1) {
    const at = 446 + index * 16;
    const code = sector[at + 4] ?? 0;
    if (code === 0) continue;
    const offset = base + sector.readUInt32LE(at + 8) * sectorSize;
    const size = sector.readUInt32LE(at + 12) * sectorSize;
    const isPossible = ((sector[at] ?? 0) & 0x7f) === 0 && size > 0 && offset < diskSize;
    if (!isPossible) return [];
    entries.push({ index, code, offset, size: Math.min(size, diskSize - offset) });
  }
  return entries;
}

function partitionOf(number: number, code: number, offset: number, size: number): TablePartition {
  return { number, type: `0x${code.toString(16).padStart(2, '0')}`, name: '', offset, size };
}

/** Each link of the chain names one partition and the next link, which counts from the start of the chain. */
async function logicalPartitions(source: BlockSource, start: number, size: number): Promise<TablePartition[]> {
  const found: TablePartition[] = [];
  for (let link = start; found.length < maxLogical && link + sectorSize <= Math.min(start + size, source.size); ) {
    const sector = await source.read(link, sectorSize);
    if (sector.readUInt16LE(510) !== 0xaa55) break;
    const entries = mbrEntries(sector, 0, Number.MAX_SAFE_INTEGER);
    const [own] = entries.filter(({ code }) => !extendedTypes.has(code));
    if (own && link + own.offset < source.size) {
      const offset = link + own.offset;
      found.push(partitionOf(5 + found.length, own.code, offset, Math.min(own.size, source.size - offset)));
    }
    const next = entries.find(({ code }) => extendedTypes.has(code));
    if (!next || start + next.offset <= link) break;
    link = start + next.offset;
  }
  return found;
}

/** What people call partition types, by GUID and by the number of old. */
export const partitionTitles: Record<string, string> = {
  'c12a7328-f81f-11d2-ba4b-00a0c93ec93b': 'EFI system',
  '21686148-6449-6e6f-744e-656564454649': 'BIOS boot',
  '4f68bce3-e8cd-4db1-96e7-fbcaf984b709': 'Linux root (x86-64)',
  'b921b045-1df0-41c3-af44-4c6f280d3fae': 'Linux root (arm64)',
  '0fc63daf-8483-4772-8e79-3d69d8477de4': 'Linux file system',
  'bc13c2ff-59e6-4262-a352-b275fd6f7172': 'Linux extended boot',
  '933ac7e1-2eb4-4f13-b844-0e14e2aef915': 'Linux home',
  '0657fd6d-a4ab-43c4-84e5-0933c84b4f4f': 'Linux swap',
  'e6d6d379-f507-44c2-a23c-238f2a3df928': 'Linux LVM',
  'a19d880f-05fc-4d3b-a006-743f0f84911e': 'Linux RAID',
  '8da63339-0007-60c0-c436-083ac8230908': 'Linux reserved',
  'ebd0a0a2-b9e5-4433-87c0-68b6b72699c7': 'Microsoft basic data',
  'e3c9e316-0b5c-4db8-817d-f92df00215ae': 'Microsoft reserved',
  'de94bba4-06d1-4d40-a16a-bfd50179d6ac': 'Windows recovery',
  '516e7cb6-6ecf-11d6-8ff8-00022d09712b': 'FreeBSD UFS',
  '83bd6b9d-7f41-11dc-be0b-001560b84f0f': 'FreeBSD boot',
  '0x05': 'extended',
  '0x07': 'NTFS or exFAT',
  '0x0b': 'FAT32',
  '0x0c': 'FAT32',
  '0x0f': 'extended',
  '0x82': 'Linux swap',
  '0x83': 'Linux',
  '0x8e': 'Linux LVM',
  '0xa5': 'FreeBSD',
  '0xef': 'EFI system',
  '0xfd': 'Linux RAID',
};
