import { CompleteMultipartUploadCommand, CreateMultipartUploadCommand, UploadPartCommand } from '@aws-sdk/client-s3';
import type { PutSource } from '../../model/store.ts';
import { AppError } from '../../util/errors.ts';
import { alreadyThere, hasChanged } from '../shared/faults.ts';
import { refuseOther } from '../shared/verified-body.ts';
import { contentTypeOf } from './content-type.ts';
import { md5Of, tagOfParts } from './etags.ts';
import { digestField, type Found, isPreconditionFailed, lookAt } from './objects.ts';
import { layoutOf, rangeOf } from './part-layout.ts';
import { PartHasher, sharedBuffer } from './part-hasher.ts';
import { openSource, type PartSource } from './part-source.ts';
import { isProven } from './proof.ts';
import { type Condition, corrupted, headersFor, type WriteContext } from './put-whole.ts';
import { bodyOf, crc32Of, headersOf, type Payload, withDigest } from './request-body.ts';
import { abortUpload, findUnfinished, isNoSuchUpload, type Unfinished } from './unfinished.ts';
import { failureOf } from './transient.ts';

/**
 * Large objects: several parts on their way at once, each proven by its tag, and the whole by its tag. What an earlier attempt has
 * sent, here or on another machine, is compared with the source and not sent again.
 */

/** A part as it is named when the upload is completed. */
interface DonePart {
  sent: { PartNumber: number; ETag: string; ChecksumCRC32?: string };
  /** Hex, of the bytes of the source. */
  md5: string;
}

interface Job {
  key: string;
  source: PutSource;
  size: number;
  /** Hex. */
  sha256: string;
  condition: Condition;
}

const tries = 3;

/** @throws AppError CONFLICT, DIGEST_MISMATCH */
export async function putParts(context: WriteContext, job: Job): Promise<Found> {
  const { connection, signal } = context;
  const { key, size, sha256, condition } = job;
  const before = condition.ifAbsent || condition.ifMatch !== undefined ? await lookAt(connection, key, signal) : undefined;
  refuseUnlessAsAsked(context, key, before, condition);
  const configured = layoutOf(size, connection.settings.partSize);
  let asked = condition;
  for (let count = 1; ; count += 1) {
    // A second time, what is there is not trusted.
    const found = count === 1 ? await findUnfinished(connection, key, configured, signal) : undefined;
    const unfinished = found ?? { uploadId: await begin(context, key, sha256), layout: configured, parts: new Map() };
    const parts = await sendParts(context, job, unfinished);
    const written = parts && (await complete(context, job, unfinished.uploadId, parts, asked));
    if (written && parts) {
      const tag = tagOfParts(parts.map(({ md5 }) => md5));
      if (written.sha256 === sha256 && (await isProven(connection, key, written, tag, signal))) return written;
      // What lies there now is ours, and not right: it is replaced.
      asked = { ifMatch: written.etag };
    }
    if (count === tries) throw corrupted(connection, key);
  }
}

function refuseUnlessAsAsked(
  { connection }: WriteContext,
  key: string,
  found: Found | undefined,
  { ifAbsent, ifMatch }: Condition,
): void {
  if (ifAbsent && found) throw alreadyThere(connection.settings.url, key);
  if (ifMatch !== undefined && found?.etag !== ifMatch) throw hasChanged(connection.settings.url, key);
}

async function begin({ connection, signal }: WriteContext, key: string, sha256: string): Promise<string> {
  const { bucket, checksums } = connection.settings;
  const input = {
    Bucket: bucket,
    Key: key,
    ContentType: contentTypeOf(key),
    Metadata: { [digestField]: sha256 },
    ...(checksums === 'always' ? { ChecksumAlgorithm: 'CRC32' as const } : {}),
  };
  const output = await connection.call(
    { verb: 'write', right: 's3:PutObject', key },
    (client, http) => client.send(new CreateMultipartUploadCommand(input), http),
    { signal },
  );
  if (output.UploadId === undefined)
    throw new AppError('STORE_FAILED', `${connection.settings.endpoint} begins no upload of ${key}`);
  return output.UploadId;
}

/** Sends what is missing; undefined when the upload was ended or completed by somebody else meanwhile. */
async function sendParts(context: WriteContext, job: Job, upload: Unfinished): Promise<DonePart[] | undefined> {
  await using source = await openSource(job.key, job.source);
  await using hasher = new PartHasher();
  const stop = new AbortController();
  const signal = context.signal ? AbortSignal.any([context.signal, stop.signal]) : stop.signal;
  const { layout } = upload;
  const { parallel } = context.connection.settings;
  const progress = countProgress(context);
  const done: DonePart[] = [];
  const running = new Set<Promise<void>>();
  const buffers: Buffer[] = [];
  let failed = false;
  let failure: unknown;
  let bytes = 0;

  /** Reads and hashes a part; undefined where the source ends too early. */
  async function prepare(part: number): Promise<Ready | undefined> {
    const { start, length } = rangeOf(layout, part);
    const buffer = buffers.pop() ?? sharedBuffer(layout.partSize);
    const read = await source.read(start, buffer.subarray(0, length));
    bytes += read.length;
    return read.length < length ? undefined : { buffer, payload: await hasher.next(read, isSigned(context)) };
  }

  async function sendPart(part: number, { buffer, payload }: Ready): Promise<void> {
    try {
      const onSent = (sent: number): void => progress.partSent(part, sent);
      done.push(await uploadPart({ ...context, signal, onProgress: onSent }, job.key, upload.uploadId, part, payload));
      progress.partDone(part, payload.bytes.length);
      buffers.push(buffer);
    } catch (error) {
      fail(error);
    }
  }

  function fail(error: unknown): undefined {
    if (!failed) failure = error;
    failed = true;
    stop.abort();
  }

  let next = prepare(1);
  for (let part = 1; part <= layout.count && !signal.aborted; part += 1) {
    const ready = await next.catch(fail);
    if (!ready) break;
    // The next one is made ready while this one waits for its turn.
    if (part < layout.count) next = prepare(part + 1);
    next.catch(() => undefined);
    const there = upload.parts.get(part);
    if (there?.size === ready.payload.bytes.length && there.md5 === ready.payload.md5) {
      done.push(donePart(context, part, there.etag, ready.payload));
      progress.partDone(part, ready.payload.bytes.length);
      buffers.push(ready.buffer);
      continue;
    }
    while (running.size >= parallel && !signal.aborted) await Promise.race(running);
    const sending: Promise<void> = sendPart(part, ready).finally(() => running.delete(sending));
    running.add(sending);
  }
  await Promise.allSettled([...running, next]);
  if (failed && isNoSuchUpload(failure)) return undefined;
  if (failed) throw failure;
  if (context.signal?.aborted) throw new AppError('CANCELLED', `Cancelled on the way of ${job.key}`);
  await refuseOtherSource(context, job, upload, bytes, await hasher.whole(), source);
  return done.toSorted((a, b) => a.sent.PartNumber - b.sent.PartNumber);
}

/** A part in memory, about to be sent. */
interface Ready {
  buffer: Buffer;
  payload: Payload;
}

/** Whether requests say the SHA-256 of their parts: where nothing else keeps others from changing them. */
function isSigned({ connection }: WriteContext): boolean {
  const { endpoint, checksums } = connection.settings;
  return endpoint.startsWith('http:') || checksums === 'always';
}

/** What was sent is of no use when the source is not what was announced. */
async function refuseOtherSource(
  { connection }: WriteContext,
  { key, size, sha256 }: Job,
  { uploadId }: Unfinished,
  bytes: number,
  whole: string,
  source: PartSource,
): Promise<void> {
  const more = (await source.read(size, Buffer.alloc(1))).length;
  try {
    refuseOther(key, bytes + more, whole, { size, digest: `sha256:${sha256}` });
  } catch (error) {
    await abortUpload(connection, key, uploadId);
    throw error;
  }
}

function donePart({ connection }: WriteContext, part: number, etag: string, payload: Payload): DonePart {
  const checksum = connection.settings.checksums === 'always' ? { ChecksumCRC32: crc32Of(payload.bytes) } : {};
  return { sent: { PartNumber: part, ETag: etag, ...checksum }, md5: payload.md5 };
}

/** Sends one part until its tag is the MD5 of what was sent. Where tags are no MD5s, the whole is read back at the end. */
async function uploadPart(
  context: WriteContext,
  key: string,
  uploadId: string,
  part: number,
  payload: Payload,
): Promise<DonePart> {
  const { connection, throttle, signal, onProgress } = context;
  const { bucket, checksums } = connection.settings;
  for (let count = 1; ; count += 1) {
    const output = await connection.call(
      { verb: 'write', right: 's3:PutObject', key },
      (client, http) => {
        const command = new UploadPartCommand({
          Bucket: bucket,
          Key: key,
          UploadId: uploadId,
          PartNumber: part,
          Body: bodyOf(payload, throttle, onProgress, signal),
          ...headersOf(payload, checksums),
        });
        command.middlewareStack.add((next) => (args) => next(withDigest(args, payload)), { step: 'build' });
        return client.send(command, http);
      },
      { signal, isAnswer: isNoSuchUpload },
    );
    const md5 = md5Of(output.ETag);
    if (md5 === undefined || md5 === payload.md5 || output.ServerSideEncryption !== undefined) {
      return donePart(context, part, output.ETag ?? '', payload);
    }
    if (count === tries) throw corrupted(connection, key);
  }
}

/** Answers that say: not of these parts, or not of this upload. */
const unfit = new Set(['EntityTooSmall', 'InvalidPart', 'InvalidPartOrder', 'NoSuchKey', 'NoSuchUpload']);

/**
 * Makes the object of its parts. Whatever the answer is, and also when there is none, what counts is what lies there afterwards.
 * Undefined when it must be begun anew.
 */
async function complete(
  context: WriteContext,
  { key, size, sha256 }: Job,
  uploadId: string,
  parts: DonePart[],
  condition: Condition,
): Promise<Found | undefined> {
  const { connection, signal } = context;
  const { bucket, url } = connection.settings;
  const headers = await headersFor(context, key, condition);
  const isAnswer = (error: unknown): boolean => isPreconditionFailed(error) || unfit.has(failureOf(error).name);
  const Parts = parts.map(({ sent }) => sent);
  let attempts = 0;
  let refused: unknown;
  try {
    await connection.call(
      { verb: 'write', right: 's3:PutObject', key },
      (client, http) => {
        attempts += 1;
        const input = { Bucket: bucket, Key: key, UploadId: uploadId, MultipartUpload: { Parts }, ...headers };
        return client.send(new CompleteMultipartUploadCommand(input), http);
      },
      { signal, isAnswer },
    );
  } catch (error) {
    if (error instanceof AppError && error.code !== 'STORE_FAILED') throw error;
    refused = error;
  }
  const found = await lookAt(connection, key, signal);
  if (refused === undefined) return found;
  const isOurs = found?.sha256 === sha256 && found.size === size;
  // It was made by an attempt whose answer was lost, or by another process that sent the same.
  if (isOurs && (attempts > 1 || !isPreconditionFailed(refused))) return found;
  if (isPreconditionFailed(refused)) {
    await abortUpload(connection, key, uploadId);
    throw condition.ifAbsent ? alreadyThere(url, key) : hasChanged(url, key);
  }
  if (refused instanceof AppError) throw refused;
  if (!isNoSuchUpload(refused)) await abortUpload(connection, key, uploadId);
  return undefined;
}

/** Sums up what parallel parts have sent; an attempt that is repeated takes nothing back. */
function countProgress({ onProgress }: WriteContext): {
  partSent(part: number, bytes: number): void;
  partDone(part: number, bytes: number): void;
} {
  const onTheWay = new Map<number, number>();
  let done = 0;
  let told = 0;
  const tell = (): void => {
    let sum = done;
    for (const bytes of onTheWay.values()) sum += bytes;
    if (sum > told) onProgress((told = sum));
  };
  return {
    partSent(part, bytes) {
      onTheWay.set(part, bytes);
      tell();
    },
    partDone(part, bytes) {
      onTheWay.delete(part);
      done += bytes;
      tell();
    },
  };
}
