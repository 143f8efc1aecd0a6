import type { BlockSource } from './format.ts';
import type { VmDescription } from './vm-description.ts';

/** A machine in the shape that a platform imports, ready to be sent. */
export interface VmStream {
  /** Exact, in bytes. */
  length: number;
  mediaType: string;
  /** The bytes from the start; may be opened again (a redirect, another try) and gives the same. `onProgress` is told how many have been made. */
  open(signal: AbortSignal, onProgress?: (bytes: number) => void): AsyncIterable<Uint8Array>;
}

/**
 * Makes disks one machine: the boot disk first. The sources must stay open until the last stream has ended; who opened them closes them.
 * `checksum`: `sha1` for hosts that are older than XenServer and XCP-ng 8.1.
 */
export type PackVm = (
  disks: readonly BlockSource[],
  vm: VmDescription,
  options: { checksum?: 'xxhash' | 'sha1'; signal: AbortSignal },
) => Promise<VmStream>;

/** A disk in the shape that a platform takes into one that it has made. */
export interface DiskStream extends VmStream {
  /** Bytes that the platform's disk must have. */
  virtualSize: number;
}

/** Makes the bytes of one disk ready to be sent; it must stay open until the last stream has ended. `vm` is what its id is made from. */
export type PackDisk = (
  disk: BlockSource,
  vm: Pick<VmDescription, 'digest' | 'name' | 'version' | 'time'>,
  options: { signal: AbortSignal },
) => Promise<DiskStream>;
