import type { FileHandle } from 'node:fs/promises';
import { writeAll } from '../../util/files.ts';

export { writeAll };

const bufferSize = 4 * 2 ** 20;

/** Writes a file from front to back through one buffer: many small pieces, few large writes, bounded memory. */
export class AppendFile {
  readonly #file: FileHandle;
  readonly #buffer = Buffer.allocUnsafe(bufferSize);
  #filled = 0;
  #flushed: number;

  constructor(file: FileHandle, position: number) {
    this.#file = file;
    this.#flushed = position;
  }

  /** Where the next byte goes. */
  get position(): number {
    return this.#flushed + this.#filled;
  }

  async append(bytes: Uint8Array): Promise<void> {
    let done = 0;
    while (done < bytes.length) {
      const piece = bytes.subarray(done, done + bufferSize - this.#filled);
      this.#buffer.set(piece, this.#filled);
      this.#filled += piece.length;
      done += piece.length;
      if (this.#filled === bufferSize) await this.flush();
    }
  }

  /** Zeros up to the next multiple of `alignment`. */
  async pad(alignment: number): Promise<void> {
    const rest = this.position % alignment;
    if (rest > 0) await this.append(Buffer.alloc(alignment - rest));
  }

  async flush(): Promise<void> {
    await writeAll(this.#file, this.#buffer.subarray(0, this.#filled), this.#flushed);
    this.#flushed += this.#filled;
    this.#filled = 0;
  }
}
