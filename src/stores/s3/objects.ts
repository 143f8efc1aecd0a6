import {
  DeleteObjectCommand,
  GetObjectCommand,
  type GetObjectCommandOutput,
  HeadObjectCommand,
  ListObjectsV2Command,
} from '@aws-sdk/client-s3';
import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { AppError, isCancellation } from '../../util/errors.ts';
import { hasChanged, notFound } from '../shared/faults.ts';
import type { Connection } from './connection.ts';
import { plainTag } from './etags.ts';
import { failureOf, isTransient } from './transient.ts';

/** Objects as S3 knows them, by their whole key in the bucket. */

export interface Found {
  size: number;
  etag: string;
  /** What the one who wrote it said that its SHA-256 is (hex). */
  sha256: string | undefined;
  /** Which act of writing made it. */
  write?: string | undefined;
  /** Only lists tell. */
  modified?: Date | undefined;
}

/** The metadata by which Gabarit knows its own objects again. */
export const digestField = 'sha256';
export const writeField = 'write';

/** Answers to HEAD have no body that says why: only "not there" is clear. */
const isMute = (error: unknown): boolean => [301, 400, 401, 403, 404].includes(failureOf(error).status ?? 0);

/** What is under a key, or undefined. @throws AppError when the bucket is missing, too */
export async function lookAt(connection: Connection, key: string, signal?: AbortSignal): Promise<Found | undefined> {
  const operation = { verb: 'look at', right: 's3:GetObject', key } as const;
  const input = { Bucket: connection.settings.bucket, Key: key };
  try {
    const output = await connection.call(operation, (client, http) => client.send(new HeadObjectCommand(input), http), {
      signal,
      isAnswer: isMute,
    });
    const { ContentLength: size = 0, ETag, Metadata = {} } = output;
    return { size, etag: plainTag(ETag), sha256: Metadata[digestField], write: Metadata[writeField] };
  } catch (error) {
    if (error instanceof AppError) throw error;
    if (failureOf(error).status !== 404) return explainedLook(connection, key, signal);
    await needBucket(connection, signal);
    return undefined;
  }
}

/** The same by GET, whose failures say why. */
async function explainedLook(connection: Connection, key: string, signal: AbortSignal | undefined): Promise<Found | undefined> {
  const operation = { verb: 'look at', right: 's3:GetObject', key } as const;
  const input = { Bucket: connection.settings.bucket, Key: key, Range: 'bytes=0-0' };
  const isAnswer = (error: unknown): boolean => ['NoSuchKey', 'InvalidRange'].includes(failureOf(error).name);
  try {
    const output = await connection.call(
      operation,
      async (client, http) => {
        const answer = await client.send(new GetObjectCommand(input), http);
        (answer.Body as Readable | undefined)?.destroy();
        return answer;
      },
      { signal, isAnswer },
    );
    const size = Number(/\/(\d+)$/.exec(output.ContentRange ?? '')?.[1] ?? output.ContentLength ?? 0);
    const { ETag, Metadata = {} } = output;
    return { size, etag: plainTag(ETag), sha256: Metadata[digestField], write: Metadata[writeField] };
  } catch (error) {
    const { name } = failureOf(error);
    if (name === 'NoSuchKey') return undefined;
    if (name === 'InvalidRange') return { size: 0, etag: '', sha256: undefined };
    throw error;
  }
}

const knownBuckets = new WeakSet<Connection>();

/** Tells a key that is not there from a bucket that is not there, once. */
async function needBucket(connection: Connection, signal: AbortSignal | undefined): Promise<void> {
  if (knownBuckets.has(connection)) return;
  const { bucket, prefix } = connection.settings;
  const operation = { verb: 'list', right: 's3:ListBucket', key: prefix } as const;
  const input = { Bucket: bucket, Prefix: prefix, MaxKeys: 1 };
  try {
    await connection.call(operation, (client, http) => client.send(new ListObjectsV2Command(input), http), {
      signal,
    });
  } catch (error) {
    // Who may not list the bucket knows at least that there is one.
    if (!(error instanceof AppError && error.code === 'STORE_DENIED')) throw error;
  }
  knownBuckets.add(connection);
}

export async function deleteObject(connection: Connection, key: string, signal?: AbortSignal): Promise<void> {
  const operation = { verb: 'delete', right: 's3:DeleteObject', key } as const;
  const input = { Bucket: connection.settings.bucket, Key: key };
  const isAnswer = (error: unknown): boolean => failureOf(error).name === 'NoSuchKey';
  await connection
    .call(operation, (client, http) => client.send(new DeleteObjectCommand(input), http), { signal, isAnswer })
    .catch((error: unknown) => {
      if (!isAnswer(error)) throw error;
    });
}

export async function* listObjects(connection: Connection, prefix: string): AsyncGenerator<Found & { key: string }> {
  const operation = { verb: 'list', right: 's3:ListBucket', key: prefix } as const;
  let token: string | undefined;
  do {
    const input = {
      Bucket: connection.settings.bucket,
      Prefix: prefix,
      ...(token === undefined ? {} : { ContinuationToken: token }),
    };
    const page = await connection.call(operation, (client) => client.send(new ListObjectsV2Command(input)));
    for (const { Key, Size = 0, ETag, LastModified: modified } of page.Contents ?? []) {
      if (Key !== undefined) yield { key: Key, size: Size, etag: plainTag(ETag), sha256: undefined, modified };
    }
    token = page.IsTruncated ? page.NextContinuationToken : undefined;
  } while (token !== undefined);
}

export interface Range {
  start: number;
  length: number;
}

/** One range of an object in memory; it is fetched anew when it breaks off. @throws AppError CONFLICT when the tag is another one */
export async function readRange(
  connection: Connection,
  key: string,
  etag: string,
  { start, length }: Range,
  onChunk: (bytes: number) => Promise<void> | void,
  signal: AbortSignal | undefined,
): Promise<Buffer> {
  const operation = { verb: 'read', right: 's3:GetObject', key } as const;
  const input = {
    Bucket: connection.settings.bucket,
    Key: key,
    Range: `bytes=${start}-${start + length - 1}`,
    IfMatch: `"${etag}"`,
  };
  try {
    return await connection.call(
      operation,
      async (client, http) => {
        const output = await client.send(new GetObjectCommand(input), http);
        const bytes = Buffer.allocUnsafe(length);
        let at = 0;
        for await (const chunk of output.Body as AsyncIterable<Buffer>) {
          if (at + chunk.length > length)
            throw new AppError('STORE_FAILED', `${key}: the endpoint answers with more than was asked for`);
          at += chunk.copy(bytes, at);
          await onChunk(chunk.length);
        }
        if (at < length) throw Object.assign(new Error('premature close'), { code: 'ERR_STREAM_PREMATURE_CLOSE' });
        return bytes;
      },
      { signal, isAnswer: isPreconditionFailed },
    );
  } catch (error) {
    throw isPreconditionFailed(error) ? hasChanged(connection.settings.url, key) : error;
  }
}

export function isPreconditionFailed(error: unknown): boolean {
  const { name, status } = failureOf(error);
  return name === 'PreconditionFailed' || status === 412;
}

/**
 * An object as a stream that goes on by itself after a torn connection, and fails at its end when its bytes are not those whose
 * digest was stored with it. The first answer is there before anything is returned.
 * @throws AppError NOT_FOUND
 */
export async function openObject(connection: Connection, key: string, signal?: AbortSignal): Promise<AsyncGenerator<Buffer>> {
  const operation = { verb: 'read', right: 's3:GetObject', key } as const;
  const { bucket, url } = connection.settings;
  const isAnswer = (error: unknown): boolean => failureOf(error).name === 'NoSuchKey' || isPreconditionFailed(error);
  const ask = async (more: { Range?: string; IfMatch?: string }): Promise<GetObjectCommandOutput> => {
    try {
      return await connection.call(
        operation,
        (client, http) => client.send(new GetObjectCommand({ Bucket: bucket, Key: key, ...more }), http),
        { signal, isAnswer },
      );
    } catch (error) {
      if (error instanceof AppError) throw error;
      throw isPreconditionFailed(error) ? hasChanged(url, key) : notFound(url, key, error);
    }
  };
  const first = await ask({});
  return pieces(first, ask, key, signal);
}

async function* pieces(
  first: GetObjectCommandOutput,
  ask: (more: { Range: string; IfMatch: string }) => Promise<GetObjectCommandOutput>,
  key: string,
  signal: AbortSignal | undefined,
): AsyncGenerator<Buffer> {
  const size = first.ContentLength ?? 0;
  const hash = createHash('sha256');
  let at = 0;
  let answer = first;
  for (let breaks = 0; ; ) {
    try {
      for await (const chunk of answer.Body as AsyncIterable<Buffer>) {
        at += chunk.length;
        hash.update(chunk);
        yield chunk;
      }
      if (at >= size) break;
      throw Object.assign(new Error('premature close'), { code: 'ERR_STREAM_PREMATURE_CLOSE' });
    } catch (error) {
      if (isCancellation(error) || signal?.aborted)
        throw new AppError('CANCELLED', `Cancelled while reading ${key}`, { cause: error });
      breaks += 1;
      if (breaks > 8 || !isTransient(failureOf(error)))
        throw new AppError('STORE_FAILED', `Reading ${key} broke off`, { cause: error });
      await sleep(100 * breaks, undefined, signal ? { signal } : {});
      answer = await ask({ Range: `bytes=${at}-`, IfMatch: first.ETag ?? '' });
    }
  }
  const told = first.Metadata?.[digestField];
  if (told !== undefined && told !== hash.digest('hex')) {
    throw new AppError('DIGEST_MISMATCH', `${key} is not what was stored: its digest is another one than that stored with it`, {
      hint: 'The bytes were changed in the store: find out by whom, and publish again.',
    });
  }
}
