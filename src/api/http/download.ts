import type { Readable } from 'node:stream';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream';
import type { FastifyRequest } from 'fastify';
import { AppError } from '../../util/errors.ts';
import type { Raw } from '../route.ts';

export interface Downloaded {
  name: string;
  size: number;
  mediaType?: string | undefined;
  digest?: string | undefined;
  open: () => Promise<Readable>;
}

/** A file to save, whole or the part that `Range` asks for. Its digest is its ETag, so that a download that broke off goes on with the same bytes. */
export async function download(
  { headers, method }: FastifyRequest,
  { name, size, mediaType, digest, open }: Downloaded,
): Promise<Raw> {
  const etag = digest === undefined ? undefined : `"${digest}"`;
  const common = {
    'accept-ranges': 'bytes',
    'content-disposition': `attachment; filename="${name.replaceAll(/[^A-Za-z0-9._-]/g, '_')}"`,
    // The bytes of a digest never change.
    'cache-control': 'private, max-age=31536000, immutable',
    ...(etag === undefined
      ? {}
      : { etag, 'repr-digest': `sha-256=:${Buffer.from(digest?.slice(7) ?? '', 'hex').toString('base64')}:` }),
  };
  const type = mediaType ?? 'application/octet-stream';
  if (etag !== undefined && headers['if-none-match'] === etag) return { body: '', status: 304, headers: common, type };
  const isSame = headers['if-range'] === undefined || headers['if-range'] === etag;
  const range = isSame ? rangeOf(headers.range, size) : undefined;
  const [from, to] = range ?? [0, size - 1];
  const length = String(to - from + 1);
  const partial = range ? { status: 206, extra: { 'content-range': `bytes ${from}-${to}/${size}` } } : { status: 200, extra: {} };
  const own = { ...common, ...partial.extra, 'content-length': length };
  if (method === 'HEAD') return { body: '', status: partial.status, headers: own, type };
  const whole = await open();
  const body = range ? pipeline(whole, only(from, to), () => undefined) : whole;
  return { body, status: partial.status, headers: own, type };
}

/** One range of bytes, from 0, both ends included; undefined for the whole. @throws AppError USAGE (416) */
export function rangeOf(header: string | undefined, size: number): [from: number, to: number] | undefined {
  const [, first = '', last = ''] = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header ?? '') ?? [];
  // What is no single range may be ignored.
  if (first === '' && last === '') return undefined;
  const from = first === '' ? Math.max(0, size - Number(last)) : Number(first);
  const to = first === '' || last === '' ? size - 1 : Math.min(Number(last), size - 1);
  if (from <= to && from < size && !(first === '' && last === '0')) return [from, to];
  throw new AppError('USAGE', `The range lies outside the file, which has ${size} bytes`, { details: { status: 416 } });
}

/** Lets only some bytes of a stream through. */
function only(from: number, to: number): Transform {
  let at = 0;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      const part = chunk.subarray(Math.max(0, from - at), Math.max(0, to + 1 - at));
      at += chunk.length;
      if (part.length > 0) this.push(part);
      if (at > to) this.push(null);
      done();
    },
  });
}
