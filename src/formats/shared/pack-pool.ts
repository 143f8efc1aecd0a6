import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { AppError } from '../../util/errors.ts';
import { type ClusterCodec, type PackedWindow, packedSize } from './packed-window.ts';
import { nodeFlags } from '../../util/node-flags.ts';

/** What all windows have in common. File descriptors belong to the whole process, so workers read through the caller's. */
export interface PackRequest {
  codec: ClusterCodec;
  diskFd: number;
  /** A disk that most of the first is equal to. */
  baseFd?: number | undefined;
  /** The file with the base's packed windows. */
  storedFd?: number | undefined;
  /** Pack the base too and hand it back. */
  keepBase: boolean;
}

/** Where a packed window lies in a file. */
export interface StoredWindow {
  offset: number;
  lengths: number[];
  /** CRC-32 of the packed bytes. */
  crc: number;
}

export interface PackTask {
  window: number;
  stored?: StoredWindow | undefined;
  /** Where the disk may differ from its base: all else is to be read from that. Absent where it is not known. */
  changes?: { offset: number; length: number }[] | undefined;
}

export interface PackResult {
  window: number;
  /** Valid until the next result is asked for. */
  packed: PackedWindow;
  /** The base's window, with `keepBase`. */
  base?: PackedWindow | undefined;
}

/** What a worker is started with: results go to slots of `packedSize` bytes in shared memory, which leaves no garbage behind. */
export interface WorkerRequest extends PackRequest {
  slots: SharedArrayBuffer;
  baseSlots: SharedArrayBuffer;
}

/** What a worker answers: the bytes are in the slot. */
export interface SlotResult {
  lengths: number[];
  baseLengths?: number[] | undefined;
}

/** More than 8 would not be faster than one file can be written, and each takes about 45 MiB. */
const maxWorkers = 8;
/** Windows that a worker may be ahead of the reader: bounds the memory, and hides that some windows take longer. */
const windowsAhead = 4;

class PackWorker {
  readonly #worker: Worker;
  readonly #waiting: PromiseWithResolvers<SlotResult>[] = [];
  #ended: { reason: unknown } | undefined;

  constructor(request: WorkerRequest) {
    this.#worker = new Worker(new URL('./pack-worker.ts', import.meta.url), { workerData: request, execArgv: [...nodeFlags] });
    this.#worker.on('message', (result: SlotResult) => this.#waiting.shift()?.resolve(result));
    this.#worker.on('error', (error) => this.#fail(error));
    this.#worker.on('exit', () => this.#fail(new AppError('CANCELLED', 'Cancelled: compressing the disk')));
  }

  #fail(error: unknown): void {
    this.#ended ??= { reason: error };
    for (const waiting of this.#waiting.splice(0)) waiting.reject(error);
  }

  /** Results come in the order of the calls. */
  pack(task: PackTask & { slot: number }): Promise<SlotResult> {
    const waiting = Promise.withResolvers<SlotResult>();
    if (this.#ended) {
      waiting.reject(this.#ended.reason);
    } else {
      this.#waiting.push(waiting);
      // eslint-disable-next-line unicorn/require-post-message-target-origin -- a worker, not a window
      this.#worker.postMessage(task);
    }
    return waiting.promise;
  }

  async close(): Promise<void> {
    await this.#worker.terminate();
  }
}

/** The packed window in a slot. */
function inSlot(slots: SharedArrayBuffer, slot: number, lengths: number[]): PackedWindow {
  const length = lengths.reduce((sum, each) => sum + each, 0);
  return { lengths, bytes: new Uint8Array(slots, slot * packedSize, length) };
}

/** Packs windows on all cores and yields them in the order of `tasks`. Stops the workers when the caller stops. */
export async function* packWindows(
  request: PackRequest,
  tasks: readonly PackTask[],
  signal: AbortSignal,
): AsyncGenerator<PackResult, void, undefined> {
  signal.throwIfAborted();
  if (tasks.length === 0) return;
  const count = Math.min(availableParallelism(), maxWorkers, tasks.length);
  const slotCount = count * windowsAhead;
  const slots = new SharedArrayBuffer(slotCount * packedSize);
  const baseSlots = new SharedArrayBuffer(request.keepBase ? slotCount * packedSize : 0);
  const workers = Array.from({ length: count }, () => new PackWorker({ ...request, slots, baseSlots }));
  const stop = (): void => void Promise.all(workers.map((worker) => worker.close()));
  signal.addEventListener('abort', stop, { once: true });

  // At most `slotCount` windows are under way, in order: the slot of the one that was read last is free again.
  const underWay: Promise<PackResult>[] = [];
  const startTask = async (worker: PackWorker, task: PackTask, slot: number): Promise<PackResult> => {
    const { lengths, baseLengths } = await worker.pack({ ...task, slot });
    const base = baseLengths && inSlot(baseSlots, slot, baseLengths);
    return { window: task.window, packed: inSlot(slots, slot, lengths), base };
  };
  try {
    for (const [index, task] of tasks.entries()) {
      const worker = workers[index % count];
      const first = underWay.length === slotCount ? underWay.shift() : undefined;
      if (first) yield await first;
      const result = worker && startTask(worker, task, index % slotCount);
      if (!result) continue;
      // When a worker ends, all its windows fail but only the first is awaited.
      result.catch(() => undefined);
      underWay.push(result);
    }
    for (const result of underWay) yield await result;
  } finally {
    signal.removeEventListener('abort', stop);
    await Promise.all(workers.map((worker) => worker.close()));
  }
}
