const frameMagic = 0xfd2fb528;
/** Of frames that hold something else than data; the last hex digit is free. */
const skippableMagic = 0x184d2a50;

/**
 * Cuts a zstd stream into its frames, by their structure alone (RFC 8878, section 3.1): zlib's zstd reads one frame and no more, and
 * whoever packs on several cores writes many.
 */
export class ZstdFrames {
  readonly #chunks: AsyncIterator<Buffer>;
  #rest: Buffer = Buffer.alloc(0);

  constructor(chunks: AsyncIterable<Buffer>) {
    this.#chunks = chunks[Symbol.asyncIterator]();
  }

  /** Whether there is one more frame with data; passes over the others. @throws Error where the stream is cut off, or is no zstd */
  async next(): Promise<boolean> {
    for (;;) {
      if (this.#rest.length === 0 && !(await this.#pull())) return false;
      const magic = (await this.#peek(4)).readUInt32LE(0);
      if (magic === frameMagic) return true;
      // eslint-disable-next-line no-bitwise -- a mask
      if ((magic & 0xfffffff0) >>> 0 !== skippableMagic) throw new Error('there is something else behind a zstd frame');
      const length = (await this.#peek(8)).readUInt32LE(4);
      for await (const _ of this.#take(8 + length)) continue;
    }
  }

  /** The bytes of the frame that begins here. */
  async *frame(): AsyncGenerator<Buffer, void, undefined> {
    const descriptor = (await this.#peek(5)).readUInt8(4);
    const isSingleSegment = (descriptor & 0x20) !== 0;
    const contentSize = [isSingleSegment ? 1 : 0, 2, 4, 8][descriptor >> 6] ?? 0;
    const dictionaryId = [0, 1, 2, 4][descriptor & 3] ?? 0;
    yield* this.#take(5 + (isSingleSegment ? 0 : 1) + dictionaryId + contentSize);
    for (let isLast = false; !isLast; ) {
      const block = (await this.#peek(3)).readUIntLE(0, 3);
      isLast = (block & 1) !== 0;
      const isRepeated = ((block >> 1) & 3) === 1;
      yield* this.#take(3 + (isRepeated ? 1 : block >> 3));
    }
    if ((descriptor & 4) !== 0) yield* this.#take(4);
  }

  async #pull(): Promise<boolean> {
    const { value, done } = await this.#chunks.next();
    if (done === true) return false;
    this.#rest = this.#rest.length === 0 ? value : Buffer.concat([this.#rest, value]);
    return true;
  }

  async #peek(length: number): Promise<Buffer> {
    while (this.#rest.length < length) if (!(await this.#pull())) throw new Error('it is cut off');
    return this.#rest;
  }

  async *#take(length: number): AsyncGenerator<Buffer, void, undefined> {
    for (let left = length; left > 0; ) {
      if (this.#rest.length === 0 && !(await this.#pull())) throw new Error('it is cut off');
      const piece = this.#rest.subarray(0, left);
      this.#rest = this.#rest.subarray(piece.length);
      left -= piece.length;
      yield piece;
    }
  }
}
