/** What `gabarit inspect` finds in a file, by its content alone. */

export interface Inspection {
  schema: 'gabarit.inspection/1';
  path: string;
  /** Bytes of the file. */
  size: number;
  /** `qcow2`, or `iso9660` for a medium. */
  format: string;
  /** What the format tells of itself, in the order in which it is shown. */
  facts: Record<string, string | number | boolean>;
  /** Checksums that the file holds, all compared. Absent where the format has none. */
  checksums?: { kind: string; checked: number };
  /** The disks in it; one, except in formats of whole machines. */
  disks: DiskInspection[];
  medium?: MediumInspection;
  /** Of an image that was built here: the list of its components, which lies beside it. */
  components?: ComponentsInspection;
}

export interface ComponentsInspection {
  file: string;
  /** `CycloneDX 1.6` */
  format: string;
  packages: number;
  /** How many of them name the SHA-256 of the package file that they came from, and how many their licences. */
  withDigest: number;
  withLicence: number;
  /** The manifest beside it names this file by its size, and the list by its digest. */
  ofThisImage: boolean;
}

export interface DiskInspection {
  /** Bytes of the virtual disk, and of those of them that the file says it holds. */
  virtualSize: number;
  allocated: number;
  table: 'gpt' | 'mbr' | 'none';
  partitions: PartitionInspection[];
  /** What can start it, by its partitions: a BIOS boot partition or boot code; an EFI system partition. */
  firmware: ('bios' | 'uefi')[];
  /** The operating system, where a file system that can be read holds one. */
  system?: SystemInspection;
  /** Sentences on what could not be read, and why. */
  remarks: string[];
}

export interface PartitionInspection {
  /** Its number in the table; 0 for a file system that has the whole disk. */
  number: number;
  /** `EFI system`, or the type as the table has it. */
  type: string;
  name: string;
  /** Bytes. */
  offset: number;
  size: number;
  /** `ext4`, `vfat`, `xfs` ...; absent when it is not known. */
  filesystem?: string;
  label?: string;
}

/** An operating system, read without starting it. */
export interface SystemInspection {
  /** `debian`, by its os-release; and the family that it counts itself to. */
  distro: string;
  family: string;
  /** `Debian GNU/Linux 12 (bookworm)` */
  title: string;
  /** `12`, and the point release where it is told apart: `12.5`. */
  release: string;
  pointRelease?: string;
  codename?: string;
  /** `amd64`, as Debian calls it; by the machine code of its shell. */
  arch: string;
  /** Versions of the installed kernels, the newest first. */
  kernels: string[];
  /** The version, or `installed` where it cannot be told. Absent when it is not there. */
  cloudInit?: string;
  guestAgents: string[];
  packages?: number;
  /** Why the packages could not be counted, as a sentence. */
  packagesUnknown?: string;
  /** Which partition it is in. */
  partition: number;
}

/** An installation medium or a live system: a file system for CDs. */
export interface MediumInspection {
  volumeId: string;
  /** Bytes that the file system says it has. */
  volumeSize: number;
  /** `installer`, `live`, `seed` (for cloud-init), or `data`. */
  kind: 'installer' | 'live' | 'seed' | 'data';
  /** What installs: `debian-installer`, `subiquity`, `anaconda`, `autoyast`, `agama` ... */
  installer?: string;
  /** `netinst`, `DVD` ..., as the medium calls itself. */
  flavour?: string;
  distro?: string;
  title?: string;
  release?: string;
  codename?: string;
  arch?: string;
  /** What can start from it. */
  firmware: ('bios' | 'uefi')[];
  /** The file that told it. */
  source?: string;
}
