import type { VmDescription } from './vm-description.ts';

/** What a person asks of `gabarit convert`. */
export interface ConversionRequest {
  source: string;
  /** Of the source; found out from its content when absent. */
  from?: string;
  to: string;
  /** The new file, or the folder that gets it; `disk.vmdk` beside `disk.qcow2` when both are absent. */
  out?: string;
  folder?: string;
  /** Of the format: `{ checksum: 'sha1' }`. */
  choices: Readonly<Record<string, string>>;
  /** Where a private key and its certificate lie, to sign the new file with: `env:NAME` or `file:PATH`. */
  signer?: string;
  /** Which disk of the source, where it holds several: from 0. */
  disk: number;
  /** Whether a file that is there may be replaced. */
  force: boolean;
  /** What is said of the machine; the rest is read from the disk, or is what fits most. */
  machine: Partial<VmDescription>;
}

export interface Conversion {
  from: string;
  format: string;
  path: string;
  /** Bytes: of the file, and of the disk in it. */
  size: number;
  virtualSize: number;
  durationMs: number;
}
