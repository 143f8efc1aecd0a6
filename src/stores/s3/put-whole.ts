import { randomUUID } from 'node:crypto';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import { AppError } from '../../util/errors.ts';
import { alreadyThere, hasChanged } from '../shared/faults.ts';
import type { Conditions } from './conditional-writes.ts';
import type { Connection } from './connection.ts';
import { contentTypeOf } from './content-type.ts';
import { plainTag } from './etags.ts';
import { digestField, type Found, isPreconditionFailed, lookAt, writeField } from './objects.ts';
import { isProven } from './proof.ts';
import { bodyOf, headersOf, type Payload, withDigest } from './request-body.ts';
import type { Throttle } from './throttle.ts';
import { failureOf } from './transient.ts';

/** When a write may take place. */
export interface Condition {
  ifAbsent?: boolean | undefined;
  ifMatch?: string | undefined;
}

export interface WriteContext {
  connection: Connection;
  throttle: Throttle;
  /** What of conditions the endpoint carries out itself; asked only when there is a condition. */
  findConditions: () => Promise<Conditions>;
  signal: AbortSignal | undefined;
  onProgress: (bytes: number) => void;
}

const tries = 3;

/** Writes an object with one request, and proves that it is there. @throws AppError CONFLICT, DIGEST_MISMATCH */
export async function putWhole(context: WriteContext, key: string, payload: Payload, condition: Condition): Promise<Found> {
  let asked = condition;
  for (let count = 1; ; count += 1) {
    const etag = await send(context, key, payload, await headersFor(context, key, asked));
    const written = { size: payload.bytes.length, etag, sha256: payload.sha256 };
    if (await isProven(context.connection, key, written, payload.md5, context.signal)) return written;
    if (count === tries) throw corrupted(context.connection, key);
    // What lies there now is ours, and broken: it is replaced.
    asked = { ifMatch: etag };
  }
}

/** The headers of a condition; where the endpoint does not know them, what can be seen beforehand decides. */
export async function headersFor(
  { connection, findConditions, signal }: WriteContext,
  key: string,
  { ifAbsent, ifMatch }: Condition,
): Promise<{ IfNoneMatch?: string; IfMatch?: string }> {
  if (!ifAbsent && ifMatch === undefined) return {};
  const { url } = connection.settings;
  const honoured = await findConditions();
  if (ifAbsent && honoured.ifAbsent) return { IfNoneMatch: '*' };
  if (ifMatch !== undefined && honoured.ifMatch !== 'no')
    return { IfMatch: honoured.ifMatch === 'plain' ? ifMatch : `"${ifMatch}"` };
  const found = await lookAt(connection, key, signal);
  if (ifAbsent && found) throw alreadyThere(url, key);
  if (ifMatch !== undefined && found?.etag !== ifMatch) throw hasChanged(url, key);
  return {};
}

async function send(
  { connection, throttle, signal, onProgress }: WriteContext,
  key: string,
  payload: Payload,
  condition: { IfNoneMatch?: string; IfMatch?: string },
): Promise<string> {
  const { bucket, url, checksums } = connection.settings;
  const isConditional = condition.IfNoneMatch !== undefined || condition.IfMatch !== undefined;
  const isAnswer = (error: unknown): boolean =>
    isConditional && (isPreconditionFailed(error) || (condition.IfMatch !== undefined && failureOf(error).name === 'NoSuchKey'));
  const write = randomUUID();
  let attempts = 0;
  try {
    const output = await connection.call(
      { verb: 'write', right: 's3:PutObject', key },
      (client, http) => {
        attempts += 1;
        const command = new PutObjectCommand({
          Bucket: bucket,
          Key: key,
          Body: bodyOf(payload, throttle, onProgress, signal),
          ContentType: contentTypeOf(key),
          Metadata: { [digestField]: payload.sha256, [writeField]: write },
          ...headersOf(payload, checksums),
          ...condition,
        });
        command.middlewareStack.add((next) => (args) => next(withDigest(args, payload)), { step: 'build' });
        return client.send(command, http);
      },
      { signal, isAnswer },
    );
    return plainTag(output.ETag);
  } catch (error) {
    if (error instanceof AppError) throw error;
    // An earlier attempt whose answer was lost may be what is there; the same bytes by another writer are not.
    const found = attempts > 1 ? await lookAt(connection, key, signal) : undefined;
    if (found?.write === write) return found.etag;
    throw condition.IfNoneMatch === undefined ? hasChanged(url, key) : alreadyThere(url, key);
  }
}

export function corrupted(connection: Connection, key: string): AppError {
  const { url, endpoint } = connection.settings;
  return new AppError('DIGEST_MISMATCH', `${endpoint} stores other bytes for ${key} in ${url} than were sent, each time`, {
    hint: 'Something on the way or in the store changes them: gabarit store doctor tells more. Do not use this endpoint.',
  });
}
