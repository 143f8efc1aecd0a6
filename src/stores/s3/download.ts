import { createHash } from 'node:crypto';
import { type FileHandle, open, rm, stat, statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { TransferOptions } from '../../model/store.ts';
import { digestOfFile, shortDigest, type Digest } from '../../util/digest.ts';
import { AppError, errnoOf, toAppError } from '../../util/errors.ts';
import { finishFile } from '../../util/files.ts';
import { lockFile } from '../../util/lock-file.ts';
import { notFound } from '../shared/faults.ts';
import { refuseOther } from '../shared/verified-body.ts';
import type { Connection } from './connection.ts';
import { lookAt, readRange } from './objects.ts';
import type { Throttle } from './throttle.ts';

/** What is fetched at once; several of them are in memory. */
const largestRange = 16 * 2 ** 20;

/**
 * Fetches an object in several ranges at once, which are written in their order: what a killed download leaves (`PATH.DIGEST.part`) is
 * the beginning of the file, and the next one goes on from there. It gets its name when the digest of the whole is right.
 * @param name of the object, for messages
 */
export async function downloadRanges(
  connection: Connection,
  throttle: Throttle,
  name: string,
  key: string,
  path: string,
  options: TransferOptions,
): Promise<void> {
  const { signal, digest, size } = options;
  const rangeBytes = Math.min(connection.settings.partSize ?? largestRange, largestRange);
  const found = await lookAt(connection, key, signal);
  if (!found) throw notFound(connection.settings.url, name);
  if (found.size !== size) {
    throw new AppError(
      'DIGEST_MISMATCH',
      `${name} in ${connection.settings.url} has ${found.size} bytes instead of ${size}: it is not taken`,
    );
  }
  const part = `${path}.${shortDigest(digest as Digest)}.part`;
  let waited = false;
  await using _lock = await lockFile(part, { signal, onWait: () => (waited = true) });
  if (waited && (await isThere(path, options))) return;
  try {
    const start = await lengthOf(part);
    try {
      await fetchFrom(start);
    } catch (error) {
      // The beginning was damaged meanwhile (a power failure): once more, with nothing of it.
      if (start === 0 || !(error instanceof AppError) || error.code !== 'DIGEST_MISMATCH') throw error;
      await fetchFrom(0);
    }
    await finishFile(part, path);
  } catch (error) {
    const failure = toAppError(error, 'STORE_FAILED', `Cannot write ${name} to ${path}`);
    // A full disk is not left full; bytes that are wrong are of no use; of what breaks off, all is.
    const isUseless = ['DISK_FULL', 'DIGEST_MISMATCH'].includes(failure.code) || (await lengthOf(part)) === 0;
    if (isUseless) await rm(part, { force: true });
    throw failure;
  }

  async function fetchFrom(start: number): Promise<void> {
    await using file = await open(part, 'r+');
    await file.truncate(Math.min(start, size));
    const hash = createHash('sha256');
    let at = await hashBeginning(file, Math.min(start, size), hash, signal);
    await needSpace(path, size - at);
    let counted = at;
    options.onProgress?.(counted);
    const onChunk = async (bytes: number): Promise<void> => {
      await throttle.pass(bytes, signal);
      // A range that is fetched again is not counted again.
      counted = Math.min(counted + bytes, at + rangeBytes * connection.settings.parallel, size);
      options.onProgress?.(counted);
    };
    const etag = found?.etag ?? '';
    for await (const bytes of inOrder(
      rangesFrom(at, size, rangeBytes),
      connection.settings.parallel,
      (range, stop) => readRange(connection, key, etag, range, onChunk, stop),
      signal,
    )) {
      hash.update(bytes);
      await file.write(bytes, 0, bytes.length, at);
      at += bytes.length;
    }
    refuseOther(name, at, hash.digest('hex'), options);
    options.onProgress?.(size);
  }
}

async function isThere(path: string, { digest, size, signal }: TransferOptions): Promise<boolean> {
  const found = await stat(path).catch(() => undefined);
  return found?.size === size && (await digestOfFile(path, signal)) === digest;
}

async function lengthOf(path: string): Promise<number> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return 0;
    throw error;
  }
}

async function needSpace(path: string, bytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(dirname(path));
  if (bytes <= bavail * bsize) return;
  throw new AppError('DISK_FULL', `No space left on the disk: ${path} needs ${bytes} more bytes, ${bavail * bsize} are free`, {
    hint: 'Free some space, or choose another folder.',
  });
}

async function hashBeginning(
  file: FileHandle,
  length: number,
  hash: ReturnType<typeof createHash>,
  signal: AbortSignal | undefined,
): Promise<number> {
  const buffer = Buffer.allocUnsafe(Math.min(length, 2 ** 20));
  let at = 0;
  while (at < length) {
    signal?.throwIfAborted();
    const { bytesRead } = await file.read(buffer, 0, Math.min(buffer.length, length - at), at);
    if (bytesRead === 0) break;
    hash.update(buffer.subarray(0, bytesRead));
    at += bytesRead;
  }
  return at;
}

function rangesFrom(start: number, size: number, rangeBytes: number): { start: number; length: number }[] {
  const ranges = [];
  for (let at = start; at < size; at += rangeBytes) ranges.push({ start: at, length: Math.min(rangeBytes, size - at) });
  return ranges;
}

/** Carries out several pieces of work at once, and hands their results out in order; the first failure stops the others. */
async function* inOrder<Item, Result>(
  items: Item[],
  parallel: number,
  work: (item: Item, signal: AbortSignal) => Promise<Result>,
  outer: AbortSignal | undefined,
): AsyncGenerator<Result> {
  const stop = new AbortController();
  const signal = outer ? AbortSignal.any([outer, stop.signal]) : stop.signal;
  const running: Promise<Result>[] = [];
  let next = 0;
  try {
    while (next < items.length || running.length > 0) {
      while (running.length < parallel && next < items.length) {
        const started = work(items[next] as Item, signal);
        started.catch(() => undefined); // It is awaited in its turn.
        running.push(started);
        next += 1;
      }
      const first = running.shift();
      if (first) yield await first;
    }
  } finally {
    stop.abort();
    await Promise.allSettled(running);
  }
}
