import { Worker } from 'node:worker_threads';
import { AppError } from '../../util/errors.ts';
import type { Payload } from './request-body.ts';
import { nodeFlags } from '../../util/node-flags.ts';

/** To the worker: the bytes of the next part (in shared memory), or the end. */
export type HashTask = { bytes: Uint8Array; withSha256: boolean } | 'end';
/** From it, in the order of the tasks. Hex. */
export interface HashResult {
  md5: string;
  sha256: string;
}

/**
 * Hashes the parts of an object on a thread of its own: each by itself, and all of them as one. MD5 alone takes longer than encrypting and
 * sending, and no socket is served by a thread that hashes.
 */
export class PartHasher implements AsyncDisposable {
  readonly #worker = new Worker(new URL('./part-hash-worker.ts', import.meta.url), { execArgv: [...nodeFlags] });
  readonly #waiting: PromiseWithResolvers<HashResult>[] = [];
  #ended: { reason: unknown } | undefined;

  constructor() {
    this.#worker.on('message', (result: HashResult) => this.#waiting.shift()?.resolve(result));
    this.#worker.on('error', (error) => this.#fail(error));
    this.#worker.on('exit', () => this.#fail(new AppError('CANCELLED', 'Cancelled: hashing what is sent')));
  }

  /**
   * The next part, in the order of the object. Its bytes must be those of a shared buffer, and stay until the answer.
   * @param withSha256 whether the part's own SHA-256 is wanted; it is empty otherwise
   */
  async next(bytes: Buffer, withSha256: boolean): Promise<Payload> {
    return { bytes, ...(await this.#ask({ bytes, withSha256 })) };
  }

  /** The SHA-256 of all parts so far, hex. Ends it. */
  async whole(): Promise<string> {
    return (await this.#ask('end')).sha256;
  }

  #ask(task: HashTask): Promise<HashResult> {
    const waiting = Promise.withResolvers<HashResult>();
    if (this.#ended) waiting.reject(this.#ended.reason);
    else {
      this.#waiting.push(waiting);
      // eslint-disable-next-line unicorn/require-post-message-target-origin -- a worker, not a window
      this.#worker.postMessage(task);
    }
    return waiting.promise;
  }

  #fail(reason: unknown): void {
    this.#ended ??= { reason };
    for (const waiting of this.#waiting.splice(0)) waiting.reject(reason);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#worker.terminate();
  }
}

/** Memory that both threads see. */
export function sharedBuffer(size: number): Buffer {
  return Buffer.from(new SharedArrayBuffer(size));
}
