import { createHash, createHmac } from 'node:crypto';
import type { SigningKey } from './sigv2.ts';

/**
 * AWS signature version 4 for S3, in headers: HMAC-SHA256 over method, path, query, headers and the digest of the body, with a key
 * made for one day and one region. Everything that is signed is an argument, so that each part can be varied alone.
 */

export interface V4Request {
  method: string;
  /** As it is sent: encoded once, `/` kept. */
  path: string;
  query: Readonly<Record<string, string>>;
  /** Lower-case names; all of them are signed, `host` must be among them. */
  headers: Readonly<Record<string, string>>;
  /** The digest of the body in hex, or a word such as UNSIGNED-PAYLOAD. */
  payload: string;
}

export interface V4Signed {
  /** Those of the request, and the ones of the signature. */
  headers: Record<string, string>;
  /** What was hashed and signed, line by line. */
  canonicalRequest: string;
}

const algorithm = 'AWS4-HMAC-SHA256';

export function signV4(request: V4Request, key: SigningKey, { region, date }: { region: string; date: Date }): V4Signed {
  const time = date.toISOString().replaceAll(/[:-]|\.\d+/g, '');
  const scope = [time.slice(0, 8), region, 's3', 'aws4_request'];
  const headers: Record<string, string> = {
    ...request.headers,
    'x-amz-date': time,
    'x-amz-content-sha256': request.payload,
    ...(key.sessionToken === undefined ? {} : { 'x-amz-security-token': key.sessionToken }),
  };
  const names = Object.keys(headers).toSorted();
  const canonicalRequest = [
    request.method,
    request.path,
    encodeQuery(request.query),
    ...names.map((name) => `${name}:${(headers[name] ?? '').trim().replaceAll(/ +/g, ' ')}`),
    '',
    names.join(';'),
    request.payload,
  ].join('\n');
  const digest = createHash('sha256').update(canonicalRequest).digest('hex');
  let secret: string | Buffer = `AWS4${key.secretAccessKey}`;
  for (const part of scope) secret = hmac(secret, part);
  const signature = hmac(secret, [algorithm, time, scope.join('/'), digest].join('\n')).toString('hex');
  const credential = `${key.accessKeyId}/${scope.join('/')}`;
  headers['authorization'] = `${algorithm} Credential=${credential}, SignedHeaders=${names.join(';')}, Signature=${signature}`;
  return { headers, canonicalRequest };
}

function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}

/** Everything but unreserved characters as `%XX`. */
export function encodeUri(text: string): string {
  return encodeURIComponent(text).replaceAll(/[!'()*]/g, (mark) => `%${mark.charCodeAt(0).toString(16).toUpperCase()}`);
}

/** A key as the path of a request. */
export function encodePath(key: string): string {
  return key.split('/').map(encodeUri).join('/');
}

/** In the order in which it is signed: by encoded names. */
export function encodeQuery(query: Readonly<Record<string, string>>): string {
  return Object.entries(query)
    .map(([name, value]): [string, string] => [encodeUri(name), encodeUri(value)])
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => `${name}=${value}`)
    .join('&');
}
