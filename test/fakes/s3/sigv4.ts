import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { type Call, decode, splitQuery } from './call.ts';
import type { Dialect } from './dialect.ts';
import { S3Error } from './s3-error.ts';

/**
 * Checks AWS signature version 4 of a request, in its headers or in a presigned URL, from the specification alone:
 * it shares no code with the signers that are tested against it.
 */

/** What a request says about its own signature. */
export interface V4Claim {
  accessKey: string;
  /** yyyymmdd, region, service, aws4_request. */
  scope: [date: string, region: string, service: string, end: string];
  signedHeaders: string[];
  signature: string;
  /** yyyymmddThhmmssZ */
  time: string;
  /** The digest of the body in hex, or a word such as UNSIGNED-PAYLOAD. */
  payload: string;
  isPresigned: boolean;
}

const algorithm = 'AWS4-HMAC-SHA256';

/** The claim, when there is one. @throws S3Error when it is malformed */
export function readV4Claim(call: Call): V4Claim | undefined {
  const header = call.headers.get('authorization');
  if (header?.startsWith(algorithm)) return fromHeader(call, header);
  return call.query.get('X-Amz-Algorithm') === algorithm ? fromQuery(call) : undefined;
}

function fromHeader(call: Call, header: string): V4Claim {
  const fields = new Map(
    header
      .slice(algorithm.length)
      .split(',')
      .map((field): [string, string] => {
        const at = field.indexOf('=');
        return [field.slice(0, at).trim(), field.slice(at + 1).trim()];
      }),
  );
  const payload = call.headers.get('x-amz-content-sha256');
  if (payload === undefined)
    throw new S3Error('InvalidRequest', { message: 'Missing required header for this request: x-amz-content-sha256' });
  const time = call.headers.get('x-amz-date') ?? isoFromDate(call.headers.get('date'));
  return claimOf(fields.get('Credential'), fields.get('SignedHeaders'), fields.get('Signature'), time, payload, false);
}

function fromQuery(call: Call): V4Claim {
  const from = (name: string): string | undefined => call.query.get(`X-Amz-${name}`);
  const payload = from('Content-Sha256') ?? 'UNSIGNED-PAYLOAD';
  return claimOf(from('Credential'), from('SignedHeaders'), from('Signature'), from('Date'), payload, true);
}

function claimOf(
  credential: string | undefined,
  signedHeaders: string | undefined,
  signature: string | undefined,
  time: string | undefined,
  payload: string,
  isPresigned: boolean,
): V4Claim {
  const [accessKey, date, region, service, end, ...more] = (credential ?? '').split('/');
  if (!accessKey || !date || !region || !service || !end || more.length > 0 || !signedHeaders || !signature || !time)
    throw new S3Error('AuthorizationHeaderMalformed');
  return {
    accessKey,
    scope: [date, region, service, end],
    signedHeaders: signedHeaders.split(';'),
    signature,
    time,
    payload,
    isPresigned,
  };
}

function isoFromDate(date: string | undefined): string | undefined {
  const time = Date.parse(date ?? '');
  return Number.isNaN(time) ? undefined : new Date(time).toISOString().replaceAll(/[:-]|\.\d+/g, '');
}

/** Milliseconds since 1970 of yyyymmddThhmmssZ; NaN when it is not one. */
export function timeOf(iso: string): number {
  return Date.parse(iso.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z'));
}

/** @throws S3Error when scope, time, signed headers or the signature are not right */
export function verifyV4(
  call: Call,
  claim: V4Claim,
  server: { secretKey: string; region: string; nowMs: number; dialect: Dialect },
): void {
  const { dialect, region } = server;
  const canonical = canonicalRequest(call, claim, dialect);
  const stringToSign = [algorithm, claim.time, claim.scope.join('/'), sha256(canonical)].join('\n');
  const mismatch = (): S3Error =>
    new S3Error('SignatureDoesNotMatch', {
      extra: dialect.explains
        ? {
            AWSAccessKeyId: claim.accessKey,
            StringToSign: stringToSign,
            SignatureProvided: claim.signature,
            StringToSignBytes: hexBytes(stringToSign),
            CanonicalRequest: canonical,
            CanonicalRequestBytes: hexBytes(canonical),
          }
        : {},
    });
  checkScope(claim, region, dialect, mismatch);
  checkTime(call, claim, server.nowMs, dialect, mismatch);
  checkSignedHeaders(call, claim);
  let key: string | Buffer = `AWS4${server.secretKey}`;
  for (const part of claim.scope) key = hmac(key, part);
  const expected = hmac(key, stringToSign).toString('hex');
  if (!isSame(expected, claim.signature)) throw mismatch();
}

function checkScope(claim: V4Claim, region: string, dialect: Dialect, mismatch: () => S3Error): void {
  const [date, claimed, service, end] = claim.scope;
  if (service !== 's3' || end !== 'aws4_request')
    throw new S3Error('AuthorizationHeaderMalformed', {
      message: `The authorization header is malformed; incorrect service "${service}".`,
    });
  if (!claim.time.startsWith(date))
    throw new S3Error('AuthorizationHeaderMalformed', {
      message: 'The authorization header is malformed; Invalid credential date.',
    });
  if (claimed === region || dialect.region === 'any') return;
  if (dialect.region === 'mismatch') throw mismatch();
  if (dialect.region === 'unnamed') throw new S3Error('AuthorizationHeaderMalformed');
  throw new S3Error('AuthorizationHeaderMalformed', {
    message: `The authorization header is malformed; the region '${claimed}' is wrong; expecting '${region}'`,
    extra: { Region: region },
    headers: { 'x-amz-bucket-region': region },
  });
}

function checkTime(call: Call, claim: V4Claim, nowMs: number, dialect: Dialect, mismatch: () => S3Error): void {
  const time = timeOf(claim.time);
  if (Number.isNaN(time)) throw new S3Error('AccessDenied', { message: 'A date is not valid' });
  if (claim.isPresigned) {
    const expires = Number(call.query.get('X-Amz-Expires'));
    if (!(expires > 0 && expires <= 7 * 24 * 3600))
      throw new S3Error('AuthorizationHeaderMalformed', { message: 'X-Amz-Expires must be between 1 and 604800' });
    if (nowMs > time + expires * 1000) throw new S3Error('AccessDenied', { message: 'Request has expired' });
    if (time - nowMs < maxSkewMs) return;
  } else if (Math.abs(time - nowMs) < maxSkewMs) return;
  if (dialect.skew === 'mismatch') throw mismatch();
  throw tooSkewed(claim.time, nowMs);
}

export const maxSkewMs = 15 * 60_000;

export function tooSkewed(requestTime: string, nowMs: number): S3Error {
  return new S3Error('RequestTimeTooSkewed', {
    extra: {
      RequestTime: requestTime,
      ServerTime: new Date(nowMs).toISOString().replace(/\.\d+/, ''),
      MaxAllowedSkewMilliseconds: String(maxSkewMs),
    },
  });
}

/** Host, and all headers of S3 itself, must be signed. */
function checkSignedHeaders(call: Call, claim: V4Claim): void {
  const unsigned = [...call.headers.keys()].filter(
    (name) => (name === 'host' || name.startsWith('x-amz-')) && !claim.signedHeaders.includes(name),
  );
  if (unsigned.length > 0) {
    throw new S3Error('AccessDenied', {
      message: 'There were headers present in the request which were not signed',
      extra: { HeadersNotSigned: unsigned.join(', ') },
    });
  }
}

function canonicalRequest(call: Call, claim: V4Claim, dialect: Dialect): string {
  const once = encode(decode(call.rawPath), true);
  const path = dialect.pathEncoding === 'twice' ? encode(once, true) : once;
  const query = splitQuery(call.rawQuery)
    .filter(([name]) => name !== 'X-Amz-Signature')
    .map(([name, value]): [string, string] => [encode(name), encode(value)])
    .toSorted(([a, b], [c, d]) => compare(a, c) || compare(b, d))
    .map(([name, value]) => `${name}=${value}`)
    .join('&');
  const names = claim.signedHeaders;
  const headers = names.map((name) => `${name}:${(call.headers.get(name) ?? '').trim().replaceAll(/ +/g, ' ')}\n`).join('');
  return [call.method, path, query, headers, names.join(';'), claim.payload].join('\n');
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Everything but unreserved characters as %XX; slashes stay in paths. */
export function encode(text: string, isPath = false): string {
  const encoded = encodeURIComponent(text).replaceAll(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return isPath ? encoded.replaceAll('%2F', '/') : encoded;
}

function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

export function isSame(expected: string, given: string): boolean {
  const [a, b] = [Buffer.from(expected), Buffer.from(given)];
  return a.length === b.length && timingSafeEqual(a, b);
}

export function hexBytes(text: string): string {
  return (Buffer.from(text).toString('hex').match(/../g) ?? []).join(' ');
}
