import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { parentPort, workerData } from 'node:worker_threads';
import { crc32 } from 'node:zlib';
import type { PackTask, SlotResult, WorkerRequest } from './pack-pool.ts';
import { type PackedWindow, packedSize, packWindow, windowSize } from './packed-window.ts';
import { readPaddedSync } from './read-exactly.ts';

/** The other end of pack-pool: reads a window by itself, and packs it into its slot of the shared memory. */
const { codec, diskFd, baseFd, storedFd, keepBase, slots, baseSlots } = workerData as WorkerRequest;
const diskWindow = Buffer.alloc(windowSize);
const baseWindow = Buffer.alloc(windowSize);
const storedBytes = Buffer.alloc(packedSize);

/**
 * The compressor leaves a buffer behind for every cluster, and V8 lets 64 MiB of them pile up in every worker before it looks.
 * Collecting once in a while costs 5 % of the time and saves 35 MiB a worker.
 */
const windowsBetweenCollections = 32;
setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;
let windowsPacked = 0;

/** The stored form of the base's window, or undefined when its bytes are damaged. */
function readStored({ stored }: PackTask): PackedWindow | undefined {
  if (stored === undefined || storedFd === undefined) return undefined;
  const bytes = storedBytes.subarray(
    0,
    stored.lengths.reduce((sum, length) => sum + length, 0),
  );
  readPaddedSync(storedFd, bytes, stored.offset);
  return crc32(bytes) === stored.crc ? { lengths: stored.lengths, bytes } : undefined;
}

/** Packs a window of the disk, and with `keepBase` that of the base too. */
function pack(task: PackTask & { slot: number }): SlotResult {
  const offset = task.window * windowSize;
  const target = new Uint8Array(slots, task.slot * packedSize, packedSize);
  const stored = readStored(task);
  if (stored && task.changes?.length === 0) {
    target.set(stored.bytes);
    return { lengths: stored.lengths };
  }
  const needsBase = baseFd !== undefined && (stored !== undefined || keepBase || task.changes !== undefined);
  if (needsBase) readPaddedSync(baseFd, baseWindow, offset);
  readDisk(task, offset);
  if (!needsBase || !(stored || keepBase)) return { lengths: packWindow(diskWindow, codec, target).lengths };
  const packed = stored ?? packWindow(baseWindow, codec, new Uint8Array(baseSlots, task.slot * packedSize, packedSize));
  const { lengths } = packWindow(diskWindow, codec, target, { raw: baseWindow, packed });
  return { lengths, baseLengths: keepBase ? packed.lengths : undefined };
}

/** Fills `diskWindow`: from the disk, and where that is known not to differ, from `baseWindow`. */
function readDisk({ changes }: PackTask, offset: number): void {
  if (changes === undefined) {
    readPaddedSync(diskFd, diskWindow, offset);
    return;
  }
  baseWindow.copy(diskWindow);
  for (const { offset: at, length } of changes)
    readPaddedSync(diskFd, diskWindow.subarray(at - offset, at - offset + length), at);
}

parentPort?.on('message', (task: PackTask & { slot: number }) => {
  // eslint-disable-next-line unicorn/require-post-message-target-origin -- a port, not a window
  parentPort?.postMessage(pack(task));
  windowsPacked += 1;
  if (windowsPacked % windowsBetweenCollections === 0) collectGarbage();
});
