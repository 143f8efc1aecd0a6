import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { crc32c } from '../../../src/disk/crc32c.ts';
import { type Call, splitOnce } from './call.ts';
import type { Dialect } from './dialect.ts';
import { S3Error } from './s3-error.ts';

/** A body that has come whole and is what its headers say. */
export interface Payload {
  chunks: Buffer[];
  size: number;
  /** Hex. */
  md5: string;
  /** `x-amz-checksum-*` headers that were verified. */
  checksums: Record<string, string>;
}

/** Refuses a request by its headers alone, before its body is read. @throws S3Error */
export function checkPayloadHeaders(call: Call, dialect: Dialect): void {
  const { headers } = call;
  const strange = [...headers.keys()].filter((name) => /^x-amz-(checksum-|sdk-checksum|trailer)/.test(name));
  if (strange.length > 0 && typeof dialect.checksums === 'number') {
    throw new S3Error(dialect.checksums === 501 ? 'NotImplemented' : 'InvalidArgument', {
      message: dialect.checksums === 501 ? `Header '${strange[0]}' is not implemented` : `Unsupported header '${strange[0]}'`,
    });
  }
  if (isChunked(call) && dialect.trailers !== 'accept') {
    throw dialect.trailers === 411
      ? new S3Error('MissingContentLength')
      : new S3Error('NotImplemented', { message: `${headers.get('x-amz-content-sha256')} is not implemented` });
  }
  const hash = headers.get('x-amz-content-sha256');
  if (hash?.startsWith('STREAMING-') && hash !== 'STREAMING-UNSIGNED-PAYLOAD-TRAILER')
    throw new S3Error('NotImplemented', { message: `${hash} is not implemented` });
  const length = headers.get(isChunked(call) ? 'x-amz-decoded-content-length' : 'content-length');
  if (call.method === 'PUT' && length === undefined && call.key !== '') throw new S3Error('MissingContentLength');
  const md5 = headers.get('content-md5');
  if (md5 !== undefined && Buffer.from(md5, 'base64').length !== 16) throw new S3Error('InvalidDigest');
}

function isChunked(call: Call): boolean {
  return (
    call.headers.get('content-encoding')?.split(/, */).includes('aws-chunked') === true ||
    call.headers.get('x-amz-content-sha256')?.startsWith('STREAMING-') === true
  );
}

/** Compares a body with all that was promised about it. `hash`: what the signature says of it. @throws S3Error */
export function checkPayload(call: Call, body: Buffer[], hash: string | undefined, dialect: Dialect): Payload {
  const trailers = new Map<string, string>();
  const chunks = isChunked(call) ? unchunk(Buffer.concat(body), trailers) : body;
  const size = chunks.reduce((sum, { length }) => sum + length, 0);
  const declared = call.headers.get(isChunked(call) ? 'x-amz-decoded-content-length' : 'content-length');
  if (declared !== undefined && Number(declared) !== size) throw new S3Error('IncompleteBody');
  if (hash !== undefined && /^[0-9a-f]{64}$/.test(hash)) {
    const computed = digest('sha256', chunks, 'hex');
    if (computed !== hash)
      throw new S3Error('XAmzContentSHA256Mismatch', {
        extra: { ClientComputedContentSHA256: hash, S3ComputedContentSHA256: computed },
      });
  } else if (hash !== undefined && hash !== 'UNSIGNED-PAYLOAD' && !hash.startsWith('STREAMING-')) {
    throw new S3Error('InvalidArgument', {
      message: 'x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-UNSIGNED-PAYLOAD-TRAILER or a digest.',
    });
  }
  const md5 = digest('md5', chunks, 'hex');
  const given = call.headers.get('content-md5');
  if (given !== undefined && Buffer.from(given, 'base64').toString('hex') !== md5) throw new S3Error('BadDigest');
  const checksums = dialect.checksums === 'verify' ? verifyChecksums([...call.headers, ...trailers], chunks) : {};
  return { chunks, size, md5, checksums };
}

function digest(algorithm: string, chunks: readonly Buffer[], form: 'hex' | 'base64'): string {
  const hash = createHash(algorithm);
  for (const chunk of chunks) hash.update(chunk);
  return hash.digest(form);
}

/** Algorithms by the end of their header's name; each gives base64. */
const algorithms: Record<string, (chunks: readonly Buffer[]) => string> = {
  crc32: (chunks) => word(chunks.reduce((crc, chunk) => crc32(chunk, crc), 0)),
  crc32c: (chunks) => word(~chunks.reduce((crc, chunk) => crc32c(crc, chunk), 0xffffffff)),
  sha1: (chunks) => digest('sha1', chunks, 'base64'),
  sha256: (chunks) => digest('sha256', chunks, 'base64'),
};

function word(value: number): string {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value >>> 0);
  return bytes.toString('base64');
}

function verifyChecksums(headers: readonly [string, string][], chunks: readonly Buffer[]): Record<string, string> {
  const verified: Record<string, string> = {};
  for (const [name, value] of headers) {
    const algorithm = /^x-amz-checksum-(?!algorithm|mode|type)(.+)$/.exec(name)?.[1];
    if (algorithm === undefined) continue;
    const compute = algorithms[algorithm];
    if (compute === undefined) throw new S3Error('NotImplemented', { message: `The checksum ${algorithm} is not implemented` });
    if (compute(chunks) !== value) throw new S3Error('BadDigest', { message: `The ${algorithm} you specified did not match.` });
    verified[name] = value;
  }
  return verified;
}

/** Takes the frames of `aws-chunked` away: `SIZE\r\n BYTES \r\n ... 0\r\n NAME:VALUE\r\n \r\n`. @throws S3Error IncompleteBody */
function unchunk(body: Buffer, trailers: Map<string, string>): Buffer[] {
  const chunks: Buffer[] = [];
  let at = 0;
  const line = (): string => {
    const end = body.indexOf('\r\n', at);
    if (end === -1) throw new S3Error('IncompleteBody');
    const text = body.toString('latin1', at, end);
    at = end + 2;
    return text;
  };
  for (;;) {
    const size = Number.parseInt(line(), 16);
    if (Number.isNaN(size) || at + size > body.length) throw new S3Error('IncompleteBody');
    if (size === 0) break;
    chunks.push(body.subarray(at, at + size));
    at += size;
    if (line() !== '') throw new S3Error('IncompleteBody');
  }
  while (at < body.length) {
    const [name, value] = splitOnce(line(), ':');
    if (name !== '') trailers.set(name.toLowerCase(), value.trim());
  }
  return chunks;
}
