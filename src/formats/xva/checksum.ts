import { hash } from 'node:crypto';
import { createXXHash64 } from 'hash-wasm';

/** How blocks are checked: `xxhash` by XenServer and XCP-ng from 8.1 on, `sha1` by all that came before, too. */
export type ChecksumKind = 'xxhash' | 'sha1';

/** What the name of a checksum's file ends with, its length in hex digits, and what people call it. */
export const checksumFiles: Record<ChecksumKind, { suffix: string; digits: number; title: string }> = {
  xxhash: { suffix: '.xxhash', digits: 16, title: 'XXH64' },
  sha1: { suffix: '.checksum', digits: 40, title: 'SHA-1' },
};

export type Checksums = (kind: ChecksumKind, bytes: Uint8Array) => string;

/** Checksums as they stand in a file: XXH64 (seed 0) in upper case, SHA-1 in lower case. */
export async function openChecksums(): Promise<Checksums> {
  const xxhash = await createXXHash64();
  return (kind, bytes) => (kind === 'sha1' ? hash('sha1', bytes) : xxhash.init().update(bytes).digest().toUpperCase());
}
