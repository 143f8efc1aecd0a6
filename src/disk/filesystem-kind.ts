import type { BlockSource } from '../model/format.ts';

/** The file systems that are told apart by a few bytes at known places. */

export interface FilesystemKind {
  /** `ext4`, as `mount -t` and blkid call it. */
  kind: string;
  label?: string;
}

/** The farthest mark: that of btrfs. */
const headSize = 68 * 1024;

interface Mark {
  kind: string;
  at: number;
  bytes: string;
  label?: { at: number; length: number };
}

const marks: Mark[] = [
  { kind: 'crypto_LUKS', at: 0, bytes: 'LUKS\u00ba\u00be' },
  { kind: 'BitLocker', at: 3, bytes: '-FVE-FS-' },
  { kind: 'LVM2_member', at: 536, bytes: 'LVM2 001' },
  { kind: 'xfs', at: 0, bytes: 'XFSB', label: { at: 108, length: 12 } },
  { kind: 'btrfs', at: 65_600, bytes: '_BHRfS_M', label: { at: 65_835, length: 256 } },
  { kind: 'swap', at: 4086, bytes: 'SWAPSPACE2', label: { at: 1052, length: 16 } },
  { kind: 'ntfs', at: 3, bytes: 'NTFS    ' },
  { kind: 'exfat', at: 3, bytes: 'EXFAT   ' },
  { kind: 'vfat', at: 82, bytes: 'FAT32   ', label: { at: 71, length: 11 } },
  { kind: 'vfat', at: 54, bytes: 'FAT16   ', label: { at: 43, length: 11 } },
  { kind: 'vfat', at: 54, bytes: 'FAT12   ', label: { at: 43, length: 11 } },
  { kind: 'iso9660', at: 32_769, bytes: 'CD001', label: { at: 32_808, length: 32 } },
  { kind: 'squashfs', at: 0, bytes: 'hsqs' },
  { kind: 'erofs', at: 1024, bytes: '\u00e2\u00e1\u00f5\u00e0', label: { at: 1088, length: 16 } },
  { kind: 'f2fs', at: 1024, bytes: '\u0010\u0020\u00f5\u00f2' },
  { kind: 'linux_raid_member', at: 4096, bytes: '\u00fc\u004e\u002b\u00a9' },
];

/** The file system that begins at `offset`, or undefined. */
export async function filesystemKind(source: BlockSource, offset: number, size: number): Promise<FilesystemKind | undefined> {
  const head = await source.read(offset, Math.max(0, Math.min(headSize, size, source.size - offset)));
  for (const { kind, at, bytes, label } of marks) {
    if (head.toString('latin1', at, at + bytes.length) === bytes) return { kind, ...labelOf(head, label) };
  }
  if (head.length >= 2048 && head.readUInt16LE(1080) === 0xef53) return { kind: extKind(head), ...labelOf(head, extLabel) };
  return undefined;
}

const extLabel = { at: 1144, length: 16 };

/** ext4 has extents or block numbers of 64 bits, ext3 a journal. */
function extKind(head: Buffer): string {
  const [compatible, incompatible] = [head.readUInt32LE(1024 + 0x5c), head.readUInt32LE(1024 + 0x60)];
  if ((incompatible & 0x2c0) !== 0) return 'ext4';
  return (compatible & 4) !== 0 ? 'ext3' : 'ext2';
}

function labelOf(head: Buffer, place: Mark['label']): { label?: string } {
  if (!place) return {};
  const label = head
    .toString('utf8', place.at, place.at + place.length)
    .replace(/\0.*$/s, '')
    .trim();
  return label === '' || label === 'NO NAME' ? {} : { label };
}
