import type { Readable } from 'node:stream';

/** What a stream that ends too early throws. */
export class EndOfFile extends Error {
  constructor() {
    super('end of file');
    this.name = 'EndOfFile';
  }
}

/** Reads a stream in pieces of exactly the wanted size, and no byte more. */
export interface ExactReader {
  /** @throws EndOfFile */
  read(length: number): Promise<Buffer>;
  /** What is there, up to `most` bytes; undefined at the end. */
  readSome(most: number): Promise<Buffer | undefined>;
}

export class StreamReader implements ExactReader {
  readonly #stream: Readable;
  #pieces: Buffer[] = [];
  #length = 0;

  constructor(stream: Readable) {
    this.#stream = stream;
    // What goes wrong is seen by whoever reads.
    stream.on('error', () => undefined);
  }

  async read(length: number): Promise<Buffer> {
    while (this.#length < length) if (!(await this.#fill())) throw new EndOfFile();
    return this.#take(length);
  }

  async readSome(most: number): Promise<Buffer | undefined> {
    if (this.#length === 0 && !(await this.#fill())) return undefined;
    return this.#take(Math.min(most, this.#length));
  }

  /** Everything up to `end`, which is not part of it; undefined when the stream ends before. */
  async readUntil(end: string, limit: number): Promise<string | undefined> {
    for (;;) {
      const all = Buffer.concat(this.#pieces);
      this.#pieces = [all];
      const at = all.indexOf(end);
      if (at !== -1)
        return this.#take(at + end.length)
          .subarray(0, at)
          .toString('latin1');
      if (all.length > limit || !(await this.#fill())) return undefined;
    }
  }

  /** Gives back what was read from the stream and not taken, for another one to read. */
  release(): void {
    if (this.#length > 0) this.#stream.unshift(Buffer.concat(this.#pieces));
    this.#pieces = [];
    this.#length = 0;
  }

  #take(length: number): Buffer {
    const all = this.#pieces.length === 1 && this.#pieces[0] ? this.#pieces[0] : Buffer.concat(this.#pieces);
    this.#pieces = length < all.length ? [all.subarray(length)] : [];
    this.#length = all.length - length;
    return all.subarray(0, length);
  }

  async #fill(): Promise<boolean> {
    for (;;) {
      const chunk = this.#stream.read() as Buffer | null;
      if (chunk !== null) {
        this.#pieces.push(chunk);
        this.#length += chunk.length;
        return true;
      }
      if (this.#stream.destroyed || this.#stream.readableEnded) return false;
      await new Promise<void>((resolve) => {
        const done = (): void => {
          for (const name of ['readable', 'end', 'close', 'error']) this.#stream.off(name, done);
          resolve();
        };
        for (const name of ['readable', 'end', 'close', 'error']) this.#stream.on(name, done);
      });
    }
  }
}
