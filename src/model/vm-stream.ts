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
