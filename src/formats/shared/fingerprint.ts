import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';

/** Tells disks apart by what is written of them, fast: for the ids that formats want, which must be the same for the same disk. */
export class Fingerprint {
  readonly #hash = createHash('sha256');
  readonly #entry = Buffer.alloc(12);

  /** Adds some bytes with their number. */
  add(index: number, bytes: Uint8Array): void {
    this.#entry.writeDoubleLE(index, 0);
    this.#entry.writeUInt32LE(crc32(bytes), 8);
    this.#hash.update(this.#entry);
  }

  /** Ends it: 32 bytes. */
  digest(): Buffer {
    return this.#hash.digest();
  }
}
