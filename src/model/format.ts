import type { StepContext } from './step.ts';
import type { Built, Tool } from './engine.ts';

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

/** A disk image format. */
export interface Format {
  id: string;
  extension: string;
  mediaType: string;
  requires: Tool[];
  /** Writes the built raw disk as this format. `path` is a part file that the caller renames. */
  write(built: Built, path: string, ctx: StepContext): Promise<void>;
  /** Opens an image read-only, as its raw bytes. Never follows a backing file. @throws AppError IMAGE_INVALID */
  open(path: string): Promise<BlockSource>;
}
