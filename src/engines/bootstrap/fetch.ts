import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { LockedPackage, LockedRepository } from '../../model/lock.ts';
import { AppError, toAppError } from '../../util/errors.ts';
import { retry } from '../../util/retry.ts';

export interface FetchContext {
  cacheDir: string;
  offline: boolean;
  signal: AbortSignal;
  onProgress: (done: number, total: number, note?: string) => void;
}

const connections = 8;

/** Downloads under way in this process: two builds that want the same package wait for the same download. */
const underWay = new Map<string, Promise<string>>();

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
      if (await isWhole(path, item, signal)) {
        advance(item.size);
      } else {
        if (ctx.offline)
          throw new AppError('MIRROR_UNREACHABLE', `${item.name} ${item.version} is not in the cache`, {
            hint: 'Build once without --offline.',
          });
        let counted = 0;
        const download =
          underWay.get(path) ??
          fetchPackage(`${uris.get(item.repository) ?? ''}/${item.path}`, item, path, signal, (bytes) => {
            counted += bytes;
            advance(bytes);
          }).finally(() => underWay.delete(path));
        underWay.set(path, download);
        await download;
        advance(item.size - counted);
        downloadedBytes += item.size;
      }
      onReady(item, path);
    }
  };
  try {
    await Promise.all(
      Array.from({ length: connections }, async () => {
        try {
          await worker();
        } catch (error) {
          failed.abort();
          throw error;
        }
      }),
    );
  } catch (error) {
    ctx.signal.throwIfAborted();
    throw toAppError(error, 'MIRROR_UNREACHABLE', 'The packages could not be fetched');
  }
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

async function fetchPackage(
  url: string,
  item: LockedPackage,
  path: string,
  signal: AbortSignal,
  onBytes: (bytes: number) => void,
): Promise<string> {
  const part = `${path}.${process.pid}.part`;
  try {
    await retry(() => downloadInto(url, item, part, signal, onBytes), {
      attempts: 4,
      delayMs: 500,
      signal,
    });
    await rename(part, path);
    return path;
  } finally {
    await rm(part, { force: true });
  }
}

/** One try: continues a part that an earlier try of this process left, and proves the whole. */
async function downloadInto(
  url: string,
  item: LockedPackage,
  part: string,
  signal: AbortSignal,
  onBytes: (bytes: number) => void,
): Promise<void> {
  const file = await open(part, 'a+');
  try {
    let offset = (await file.stat()).size;
    if (offset >= item.size) {
      await file.truncate(0);
      offset = 0;
    }
    const hash = createHash('sha256');
    if (offset > 0) hash.update(await file.readFile());
    const response = await request(url, offset, signal);
    if (offset > 0 && response.status !== 206) {
      await file.truncate(0);
      throw new AppError('MIRROR_UNREACHABLE', `${url} cannot be continued in the middle`);
    }
    if (!response.ok || response.body === null) {
      throw new AppError(
        response.status === 404 ? 'NOT_FOUND' : 'MIRROR_UNREACHABLE',
        `${url} answered ${response.status} ${response.statusText}`,
        {
          hint:
            response.status === 404
              ? 'The mirror no longer has this version: build without --plan, or from a snapshot.'
              : 'Try again later or use another mirror.',
        },
      );
    }
    let size = offset;
    try {
      for await (const chunk of response.body) {
        size += chunk.byteLength;
        if (size > item.size)
          throw new AppError('DIGEST_MISMATCH', `${url} is longer than its signed index says (${item.size} bytes)`);
        hash.update(chunk);
        await file.write(chunk);
        onBytes(chunk.byteLength);
      }
    } catch (error) {
      if (signal.aborted) throw error;
      throw toAppError(error, 'MIRROR_UNREACHABLE', `${url} broke off after ${size} of ${item.size} bytes`);
    }
    if (size < item.size) throw new AppError('MIRROR_UNREACHABLE', `${url} broke off after ${size} of ${item.size} bytes`);
    if (hash.digest('hex') !== item.sha256) {
      await file.truncate(0);
      throw new AppError('DIGEST_MISMATCH', `${url} has another content than its signed index says`, {
        hint: 'The mirror or a proxy on the way is broken; nothing of it was used.',
      });
    }
  } finally {
    await file.close();
  }
}

async function request(url: string, offset: number, signal: AbortSignal): Promise<Response> {
  if (url.startsWith('file:')) {
    const stream = createReadStream(new URL(url), { start: offset });
    await new Promise<void>((resolve, reject) => stream.once('open', () => resolve()).once('error', reject));
    return new Response(ReadableStream.from(stream), { status: offset > 0 ? 206 : 200 });
  }
  try {
    return await fetch(url, {
      signal: AbortSignal.any([signal, AbortSignal.timeout(300_000)]),
      headers: offset > 0 ? { range: `bytes=${offset}-` } : {},
    });
  } catch (error) {
    if (signal.aborted) throw error;
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause.message : String(error);
    throw new AppError('MIRROR_UNREACHABLE', `${url} could not be reached: ${cause}`, {
      cause: error,
      hint: 'Check the network and the proxy, or set another mirror.',
    });
  }
}
