import { createHash, randomBytes } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, rm, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Medium } from '../../../model/medium.ts';
import type { StepContext } from '../../../model/step.ts';
import { AppError, errnoOf, toAppError } from '../../../util/errors.ts';
import { finishFile } from '../../../util/files.ts';
import { lockFile } from '../../../util/lock-file.ts';
import { retry } from '../../../util/retry.ts';

type FetchContext = Pick<StepContext, 'cacheDir' | 'offline' | 'signal' | 'emit'>;

/** A server that sends nothing for so long is asked again. */
const stallMs = 60_000;

/** Where a medium lies in the cache, once it is there. Its name keeps its extension, by which tools tell formats apart. */
export function mediumPath(cacheDir: string, medium: Medium): string {
  const extension = /\.(iso|qcow2|img|raw)$/.exec(new URL(medium.url).pathname)?.[0] ?? '';
  return join(cacheDir, 'media', `${medium.digest.replace(':', '-')}${extension}`);
}

/**
 * Brings a medium into the cache, once for all builds that want it at the same time, and proves its digest, also of what lay there.
 * @throws AppError MIRROR_UNREACHABLE, NOT_FOUND, DIGEST_MISMATCH, DISK_FULL, CANCELLED
 */
export async function fetchMedium(medium: Medium, ctx: FetchContext): Promise<string> {
  const path = mediumPath(ctx.cacheDir, medium);
  await mkdir(join(ctx.cacheDir, 'media'), { recursive: true });
  const lock = await lockFile(`${path}.lock`, {
    signal: ctx.signal,
    onWait: () => ctx.emit({ type: 'log', level: 'info', message: `Another build is fetching ${medium.url}` }),
  });
  try {
    if (await isWhole(path, medium, ctx.signal)) {
      const now = new Date();
      await utimes(path, now, now); // When it was last of use, for the pruning of the cache.
      return path;
    }
    if (ctx.offline)
      throw new AppError('MIRROR_UNREACHABLE', `${medium.url} is not in the cache`, { hint: 'Build once without --offline.' });
    const part = `${path}.${randomBytes(4).toString('hex')}.part`;
    try {
      await retry(() => download(medium, part, ctx), { attempts: 4, delayMs: 1000, signal: ctx.signal });
      await finishFile(part, path);
    } finally {
      await rm(part, { force: true });
    }
    return path;
  } finally {
    await lock?.release();
  }
}

async function isWhole(path: string, medium: Medium, signal: AbortSignal): Promise<boolean> {
  const hash = createHash(algorithmOf(medium));
  try {
    for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20, signal })) hash.update(chunk as Buffer);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return false;
    throw error;
  }
  if (`${algorithmOf(medium)}:${hash.digest('hex')}` === medium.digest) return true;
  await rm(path, { force: true });
  return false;
}

function algorithmOf({ digest }: Medium): 'sha256' | 'sha512' {
  return digest.startsWith('sha512:') ? 'sha512' : 'sha256';
}

async function download(medium: Medium, part: string, ctx: FetchContext): Promise<void> {
  const { url } = medium;
  const { bytes, size } = await openUrl(url, ctx.signal);
  const hash = createHash(algorithmOf(medium));
  const total = size === undefined ? {} : { total: size };
  let done = 0;
  async function* counted(): AsyncGenerator<Buffer> {
    for await (const chunk of bytes) {
      done += (chunk as Buffer).length;
      hash.update(chunk as Buffer);
      ctx.emit({ type: 'step.progress', step: 'medium', done, ...total, unit: 'bytes', note: url });
      yield chunk as Buffer;
    }
  }
  try {
    await pipeline(counted, createWriteStream(part), { signal: ctx.signal });
  } catch (error) {
    throw ctx.signal.aborted ? error : unreachable(url, error);
  }
  const found = `${algorithmOf(medium)}:${hash.digest('hex')}`;
  if (found !== medium.digest)
    throw new AppError('DIGEST_MISMATCH', `${url} has the digest ${found} instead of ${medium.digest}`, {
      hint: 'Nothing of it was used. The vendor may have published a new one (plan again), or the server or a proxy is broken.',
    });
}

/** Reads http, https and file URLs. `size` is what the server promises. */
export async function openUrl(url: string, signal: AbortSignal): Promise<{ bytes: Readable; size?: number }> {
  if (url.startsWith('file:')) {
    const bytes = createReadStream(new URL(url), { highWaterMark: 1 << 20, signal });
    await new Promise<void>((resolve, reject) => bytes.once('open', () => resolve()).once('error', reject)).catch(
      (error: unknown) => {
        throw errnoOf(error) === 'ENOENT' ? new AppError('NOT_FOUND', `${url} does not exist`) : unreachable(url, error);
      },
    );
    return { bytes };
  }
  const stalled = new AbortController();
  const timer = setTimeout(() => stalled.abort(), stallMs);
  const response = await fetch(url, { signal: AbortSignal.any([signal, stalled.signal]) }).catch((error: unknown) => {
    throw signal.aborted ? error : unreachable(url, error);
  });
  if (!response.ok || response.body === null) {
    clearTimeout(timer);
    throw new AppError(response.status === 404 ? 'NOT_FOUND' : 'MIRROR_UNREACHABLE', `${url} answered ${response.status}`, {
      hint: 'Check the address, or use another mirror.',
    });
  }
  const bytes = Readable.fromWeb(response.body);
  bytes.on('data', () => timer.refresh()).once('close', () => clearTimeout(timer));
  bytes.pause();
  const length = response.headers.get('content-length');
  return { bytes, ...(length === null ? {} : { size: Number(length) }) };
}

function unreachable(url: string, error: unknown): AppError {
  if (errnoOf(error) === 'ENOSPC') return toAppError(error, 'MIRROR_UNREACHABLE', `Downloading ${url}`);
  if (error instanceof AppError) return error;
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  const reason = cause instanceof Error && cause.message !== '' ? cause.message : String(error);
  return new AppError('MIRROR_UNREACHABLE', `${url} could not be fetched: ${reason}`, {
    cause: error,
    hint: 'Check the network and the proxy, or use another mirror.',
  });
}
