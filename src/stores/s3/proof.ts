import { createHash } from 'node:crypto';
import { AppError } from '../../util/errors.ts';
import type { Connection } from './connection.ts';
import { type Found, openObject } from './objects.ts';

/**
 * Whether an object holds what was sent. Where its tag is made of MD5s it is the proof, because the endpoint has computed it from what it
 * received. Where it is something else (server-side encryption, some appliances), or when that is wished, the object is read back.
 * @param tag the tag of the bytes that were sent: hex, with the number of parts when it was made of parts
 */
export async function isProven(
  connection: Connection,
  key: string,
  { etag, sha256 }: Found,
  tag: string,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  if (etag.toLowerCase() === tag && !connection.settings.readBack) return true;
  try {
    const hash = createHash('sha256');
    for await (const chunk of await openObject(connection, key, signal)) hash.update(chunk);
    return hash.digest('hex') === sha256;
  } catch (error) {
    if (error instanceof AppError && error.code === 'DIGEST_MISMATCH') return false;
    throw error;
  }
}
