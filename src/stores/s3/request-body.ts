import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { crc32 } from 'node:zlib';
import type { HttpRequest } from '@smithy/types';
import type { Throttle } from './throttle.ts';

/** Bytes that are about to be sent, with all that is said about them beforehand: every attempt says the same. */
export interface Payload {
  bytes: Buffer;
  /** Hex; it is the tag of a plain object, and of a part. */
  md5: string;
  /** Hex; empty when it is not to be said. */
  sha256: string;
}

export function payloadOf(bytes: Buffer): Payload {
  return {
    bytes,
    md5: createHash('md5').update(bytes).digest('hex'),
    sha256: createHash('sha256').update(bytes).digest('hex'),
  };
}

/** What PutObject and UploadPart say about their body: always its length, and no trailers, which many endpoints do not know. */
export function headersOf(
  { bytes, md5 }: Payload,
  checksums: 'when-required' | 'always',
): {
  ContentLength: number;
  ContentMD5: string;
  ChecksumCRC32?: string;
} {
  return {
    ContentLength: bytes.length,
    ContentMD5: Buffer.from(md5, 'hex').toString('base64'),
    ...(checksums === 'always' ? { ChecksumCRC32: crc32Of(bytes) } : {}),
  };
}

/** As S3 writes it: base64 of the four bytes, the highest first. */
export function crc32Of(bytes: Buffer): string {
  const four = Buffer.alloc(4);
  four.writeUInt32BE(crc32(bytes));
  return four.toString('base64');
}

const sliceBytes = 256 * 1024;

/** A new body for one attempt, that flows at the rate of the throttle. `onSent` gets the bytes of this attempt so far. */
export function bodyOf(payload: Payload, throttle: Throttle, onSent: (bytes: number) => void, signal?: AbortSignal): Readable {
  async function* slices(): AsyncGenerator<Buffer> {
    for (let at = 0; at < payload.bytes.length; at += sliceBytes) {
      const slice = payload.bytes.subarray(at, at + sliceBytes);
      await throttle.pass(slice.length, signal);
      yield slice;
      onSent(at + slice.length);
    }
  }
  const body = Readable.from(slices(), { objectMode: false, highWaterMark: sliceBytes });
  // The request tells of what ends it. Once the SDK has given a cancelled one up, nobody else listens to its body.
  body.on('error', () => undefined);
  return body;
}

/**
 * The SDK signs a stream as "unsigned"; where its digest is known, it is said (in the step "build"), and the endpoint compares. Inside TLS
 * a part goes unsigned, as by all tools: its MD5 is said and compared, and another digest would keep the endpoint busier than the rest.
 */
export function withDigest<T extends { request: unknown }>(args: T, { sha256 }: Payload): T {
  if (sha256 !== '') (args.request as HttpRequest).headers['x-amz-content-sha256'] = sha256;
  return args;
}
