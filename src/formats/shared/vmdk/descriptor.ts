import type { Fingerprint } from '../fingerprint.ts';
import type { ImageBytes } from '../image-bytes.ts';

/** The text inside a VMDK that says what kind of disk it is. */
export interface Descriptor {
  /** `streamOptimized`, `monolithicSparse`. */
  createType: string;
  /** Content id, 8 hex digits. */
  contentId: string;
  /** Of the disk's one extent, in sectors. */
  sectors: number;
  adapterType: string;
}

/** Whether bytes are the text alone, as it lies beside the files of a disk. */
export function isDescriptor(bytes: Buffer): boolean {
  return bytes.toString('latin1', 0, 21) === '# Disk DescriptorFile';
}

/** VMware's tools leave so much room. */
export const descriptorSectors = 20;
const noParent = 'ffffffff';
/** What LBA gives every BIOS. */
const [heads, sectorsPerTrack] = [255, 63];
const mostCylinders = 65_535;

export function encodeDescriptor({ createType, contentId, sectors }: Omit<Descriptor, 'adapterType'>, fileName: string): string {
  const cylinders = Math.min(mostCylinders, Math.ceil(sectors / heads / sectorsPerTrack));
  return `# Disk DescriptorFile
version=1
CID=${contentId}
parentCID=${noParent}
createType="${createType}"

# Extent description
RW ${sectors} SPARSE "${fileName}"

# The Disk Data Base
#DDB

ddb.virtualHWVersion = "4"
ddb.geometry.cylinders = "${cylinders}"
ddb.geometry.heads = "${heads}"
ddb.geometry.sectors = "${sectorsPerTrack}"
ddb.adapterType = "lsilogic"
`;
}

/** Reads and checks a descriptor; zeros may follow it. @throws AppError IMAGE_INVALID, also for a disk of several files, or one that is only a difference */
export function parseDescriptor(image: ImageBytes, bytes: Buffer): Descriptor {
  const end = bytes.indexOf(0);
  const lines = bytes.toString('latin1', 0, end === -1 ? bytes.length : end).split(/\r?\n/);
  const values = new Map(
    lines.flatMap((line) => {
      const match = /^\s*([\w.]+)\s*=\s*"?([^"]*?)"?\s*$/.exec(line);
      return match?.[1] === undefined || match[2] === undefined ? [] : [[match[1], match[2]] as const];
    }),
  );
  const value = (key: string): string => values.get(key) ?? '';
  image.refuse(value('version') === '', 'it has no descriptor: it may be one of several files of a disk');
  image.refuse(value('parentCID').toLowerCase() !== noParent || values.has('parentFileNameHint'), 'it has a parent');
  const extents = lines.flatMap((line) => {
    const match = /^\s*(?:RW|RDONLY|NOACCESS)\s+(\d+)\s+(\w+)/.exec(line);
    return match ? [{ sectors: Number(match[1]), type: match[2] ?? '' }] : [];
  });
  const [extent] = extents;
  image.refuse(extents.length !== 1 || extent?.type !== 'SPARSE', 'its data lies in other files');
  return {
    createType: value('createType'),
    contentId: value('CID'),
    sectors: extent?.sectors ?? 0,
    adapterType: value('ddb.adapterType'),
  };
}

/** The id of a disk's content: never the one that means "no parent". */
export function contentIdOf(print: Fingerprint): string {
  const id = print.digest().readUInt32LE(0);
  return (id === 0xffff_ffff ? 1 : id).toString(16).padStart(8, '0');
}
