import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { LockedPackage, LockedRepository } from '../../model/lock.ts';
import { AppError, errnoOf, toAppError } from '../../util/errors.ts';
import { retry } from '../../util/retry.ts';

export interface FetchContext {
  cacheDir: string;
  /** Of this run alone: what is not whole yet lies here, and is swept with the rest when we are killed. */
  workdir: string;
  offline: boolean;
  signal: AbortSignal;
  onProgress: (done: number, total: number, note?: string) => void;
  /** How long a server may send nothing before it is asked again; half a minute by default. */
  stallMs?: number;
}

const connections = 8;

/** Packages that a build of this process is bringing. */
const underWay = new Map<string, Promise<void>>();

/** Two builds that want the same package bring it one after the other: the second finds it there, or tries again what the first could not do. */
async function oneAtATime(path: string, work: () => Promise<void>): Promise<void> {
  for (let other = underWay.get(path); other !== undefined; other = underWay.get(path)) await other;
  const running = work();
  const ended = running.catch(() => undefined).finally(() => underWay.delete(path));
  underWay.set(path, ended);
  await running;
}

/** Where a package lies in the cache, once it is there. */
export function packagePath(cacheDir: string, item: LockedPackage): string {
  return join(cacheDir, 'packages', `${item.sha256}.deb`);
}

/**
 * Brings every package of the lock into the cache, over several connections, the largest first, and calls `onReady` for each as
 * soon as its digest is proven. A package that is there already is proven again before it is used.
 * @throws AppError MIRROR_UNREACHABLE, DIGEST_MISMATCH, DISK_FULL
 */
export async function fetchPackages(
  packages: LockedPackage[],
  repositories: LockedRepository[],
  ctx: FetchContext,
  onReady: (item: LockedPackage, path: string) => void,
): Promise<{ downloadedBytes: number }> {
  await mkdir(join(ctx.cacheDir, 'packages'), { recursive: true });
  const uris = new Map(repositories.map(({ id, uri }) => [id, uri]));
  const total = packages.reduce((sum, item) => sum + item.size, 0);
  const queue = packages.toSorted((a, b) => b.size - a.size);
  let done = 0;
  let downloadedBytes = 0;
  // One failure stops the others: their work would be for nothing.
  const failed = new AbortController();
  const signal = AbortSignal.any([ctx.signal, failed.signal]);
  const advance = (bytes: number): void => {
    done += bytes;
    ctx.onProgress(done, total);
  };
  const worker = async (): Promise<void> => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) {
      signal.throwIfAborted();
      const path = packagePath(ctx.cacheDir, item);
      await oneAtATime(path, async () => {
        if (await isWhole(path, item, signal)) {
          advance(item.size);
          return;
        }
        if (ctx.offline)
          throw new AppError('MIRROR_UNREACHABLE', `${item.name} ${item.version} is not in the cache`, {
            hint: 'Build once without --offline.',
          });
        let counted = 0;
        const source = { url: `${uris.get(item.repository) ?? ''}/${item.path}`, item, signal, stallMs: ctx.stallMs ?? 30_000 };
        await fetchPackage(source, path, ctx.workdir, (bytes) => {
          counted += bytes;
          advance(bytes);
        });
        advance(item.size - counted);
        downloadedBytes += item.size;
      });
      onReady(item, path);
    }
  };
  const failures: unknown[] = [];
  const lane = (): Promise<void> =>
    worker().catch((error: unknown) => {
      failures.push(error);
      failed.abort();
    });
  // All of them have ended, and have left nothing half-written, before the first failure is told.
  await Promise.all(Array.from({ length: connections }, lane));
  ctx.signal.throwIfAborted();
  if (failures.length > 0) throw toAppError(failures[0], 'MIRROR_UNREACHABLE', 'The packages could not be fetched');
  return { downloadedBytes };
}

/** Whether the file has the bytes that the lock names; one that has not is removed. */
async function isWhole(path: string, item: LockedPackage, signal: AbortSignal): Promise<boolean> {
  const size = await stat(path).then(
    (s) => s.size,
    () => undefined,
  );
  if (size === undefined) return false;
  if (size === item.size) {
    const hash = createHash('sha256');
    for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20, signal })) hash.update(chunk as Buffer);
    if (hash.digest('hex') === item.sha256) return true;
  }
  await rm(path, { force: true });
  return false;
}

/** Where one package comes from. */
interface Source {
  url: string;
  item: LockedPackage;
  signal: AbortSignal;
  stallMs: number;
}

async function fetchPackage(source: Source, path: string, workdir: string, onBytes: (bytes: number) => void): Promise<void> {
  const part = join(workdir, `${source.item.sha256}.part`);
  try {
    await retry(() => downloadInto(source, part, onBytes), { attempts: 4, delayMs: 500, signal: source.signal });
    await rename(part, path);
  } finally {
    await rm(part, { force: true });
  }
}

/** One try: continues a part that an earlier try left, and proves the whole. */
async function downloadInto(source: Source, part: string, onBytes: (bytes: number) => void): Promise<void> {
  const { url, item, signal } = source;
  const broken = 'The mirror or a proxy on the way is broken; nothing of it was used.';
  const stalled = new AbortController();
  const timer = setTimeout(() => stalled.abort(), source.stallMs);
  await using file = await open(part, 'a+');
  try {
    let size = (await file.stat()).size;
    const response = await request(url, size, AbortSignal.any([signal, stalled.signal]));
    if (!response.ok || response.body === null) throw refused(url, response);
    // A server that knows no ranges sends everything again.
    if (response.status !== 206) {
      await file.truncate(0);
      size = 0;
    }
    const hash = createHash('sha256').update(await file.readFile());
    for await (const chunk of response.body) {
      timer.refresh();
      size += chunk.byteLength;
      if (size > item.size) break;
      hash.update(chunk);
      await file.write(chunk);
      onBytes(chunk.byteLength);
    }
    if (size < item.size) throw new Error('the connection was closed');
    if (size === item.size && hash.digest('hex') === item.sha256) return;
    await file.truncate(0);
    throw new AppError(
      'DIGEST_MISMATCH',
      size > item.size
        ? `${url} is longer than its signed index says (${item.size} bytes)`
        : `${url} has another content than its signed index says`,
      { hint: broken },
    );
  } catch (error) {
    if (signal.aborted) throw error;
    if (stalled.signal.aborted) throw unreachable(url, `nothing came for ${source.stallMs / 1000} s`, error);
    if (errnoOf(error) === 'ENOSPC') throw toAppError(error, 'MIRROR_UNREACHABLE', `Downloading ${url}`);
    throw error instanceof AppError ? error : unreachable(url, reasonOf(error), error);
  } finally {
    clearTimeout(timer);
  }
}

function refused(url: string, { status, statusText }: Response): AppError {
  return new AppError(status === 404 ? 'NOT_FOUND' : 'MIRROR_UNREACHABLE', `${url} answered ${status} ${statusText}`, {
    hint:
      status === 404
        ? 'The mirror no longer has this version: build without --plan, or from a snapshot.'
        : 'Try again later or use another mirror.',
  });
}

function unreachable(url: string, reason: string, cause: unknown): AppError {
  return new AppError('MIRROR_UNREACHABLE', `${url} could not be fetched: ${reason}`, {
    cause,
    hint: 'Check the network and the proxy, or set another mirror.',
  });
}

/** What Node knows of a connection's fault lies in the cause. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error && error.cause.message !== '' ? error.cause.message : error.message;
}

async function request(url: string, offset: number, signal: AbortSignal): Promise<Response> {
  if (url.startsWith('file:')) {
    const stream = createReadStream(new URL(url), { start: offset });
    await new Promise<void>((resolve, reject) => stream.once('open', () => resolve()).once('error', reject));
    return new Response(ReadableStream.from(stream), { status: offset > 0 ? 206 : 200 });
  }
  return await fetch(url, { signal, headers: offset > 0 ? { range: `bytes=${offset}-` } : {} });
}
