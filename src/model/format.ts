import type { StepContext } from './step.ts';
import type { Built, Tool } from './engine.ts';
import type { VmDescription } from './vm-description.ts';

export interface Artifact {
  format: string;
  /** File name in the output folder: `disk.qcow2`. */
  name: string;
  mediaType: string;
  /** Bytes of the file. */
  size: number;
  digest: `sha256:${string}`;
}

/** Bytes at offsets: what a disk looks like from inside, whatever the file format. */
export interface BlockSource {
  /** Virtual size in bytes. */
  readonly size: number;
  /** Reads exactly `length` bytes at `offset`; what lies in a hole is zero. Throws past the end. */
  read(offset: number, length: number): Promise<Buffer>;
  /** Where data may lie in a range, in order and without overlap; all the rest of the range is known to be zero. Absent where that is not known. */
  dataIn?(offset: number, length: number): Promise<{ offset: number; length: number }[]>;
  close(): Promise<void>;
}

/** The beginning and the end of a file, to tell formats apart by what is in them. */
export interface FileProbe {
  path: string;
  size: number;
  /** The first 64 KiB, or all of a shorter file. */
  head: Buffer;
  /** The last 512 bytes. */
  tail: Buffer;
}

/** What a file tells of itself, beside the disk in it. */
export interface FormatFacts {
  /** For people, in order: `{ subformat: 'dynamic', 'block size': '2.00 MiB' }`. */
  facts: Record<string, string | number | boolean>;
  /** How many disks the file holds, where it may hold several. */
  disks?: number;
  /** The checksums that the file holds, all of them compared: their kind (`XXH64`), and how many. Absent where the format has none. */
  checksums?: { kind: string; checked: number };
}

export interface OpenOptions {
  /** Where a packed file is unpacked to, when it cannot be read as it is; it has no name there. By default the system's folder for temporary files. */
  spoolDir?: string;
  /** Which disk, where a file holds several: from 0, the boot disk. */
  disk?: number;
}

/** A disk image format. */
export interface Format {
  id: string;
  extension: string;
  mediaType: string;
  requires: Tool[];
  /** Whether the machine's description is part of the file: then the version is, too. */
  describesVm?: boolean;
  /** Whether writing it keeps all cores busy: such formats are written one after the other. */
  usesAllCores?: boolean;
  /** Whether it reads what a disk shares with its base from there: then the disk need not be whole. */
  readsBase?: boolean;
  /** What can be chosen about it: the values by name, the default first (`{ subformat: ['dynamic', 'fixed'] }`). */
  options?: Record<string, readonly string[]>;
  /** The same format with other choices, which have been checked against `options`. */
  with?(choices: Record<string, string>): Format;
  /** The same format, signed by a private key that comes with its X.509 certificate: both as PEM, in one text. @throws AppError CONFIG_INVALID when it is used */
  signed?(pem: string): Format;
  /** Writes the built raw disk as this format. `path` is a part file that the caller renames. Formats of bare disks have no use for `vm`. */
  write(built: Built, path: string, ctx: StepContext, vm: VmDescription): Promise<void>;
  /** Opens an image read-only, as its raw bytes. Never follows a backing file. @throws AppError NOT_FOUND, IMAGE_INVALID */
  open(path: string, options?: OpenOptions): Promise<BlockSource>;
  /** Whether a file is of this format, by its content. */
  recognizes(probe: FileProbe): boolean | Promise<boolean>;
  /** Reads the whole file and compares every checksum that it holds. @throws AppError IMAGE_INVALID */
  inspect(path: string, ctx: StepContext): Promise<FormatFacts>;
}
