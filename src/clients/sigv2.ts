import { createHmac } from 'node:crypto';

/**
 * The older way to sign S3 requests (AWS signature version 2): HMAC-SHA1 over method, date, `x-amz-*` headers and path. It covers neither the
 * body, nor the Host, nor a region; some old appliances know nothing else.
 */

export interface SignableRequest {
  method: string;
  /** As it is sent, with the bucket as its first part. */
  path: string;
  query?: Record<string, string | string[] | null>;
  headers: Record<string, string>;
}

export interface SigningKey {
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken?: string | undefined;
}

/** What the query may hold that says which part of an object is meant, and is therefore signed. */
const subResources = new Set([
  'acl',
  'cors',
  'delete',
  'lifecycle',
  'location',
  'logging',
  'notification',
  'partNumber',
  'policy',
  'requestPayment',
  'response-cache-control',
  'response-content-disposition',
  'response-content-encoding',
  'response-content-language',
  'response-content-type',
  'response-expires',
  'tagging',
  'torrent',
  'uploadId',
  'uploads',
  'versionId',
  'versioning',
  'versions',
  'website',
]);

/** Headers that belong to version 4, or to the SDK; old servers take exception to them. */
const foreign = /^(authorization|x-amz-content-sha256|x-amz-date|x-amz-user-agent|amz-sdk-.*|date)$/;

/** Returns the request with its headers replaced by signed ones. */
export function signV2<T extends SignableRequest>(request: T, key: SigningKey, date: Date): T {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(request.headers))
    if (!foreign.test(name.toLowerCase())) headers[name.toLowerCase()] = value;
  headers['date'] = date.toUTCString();
  if (key.sessionToken !== undefined) headers['x-amz-security-token'] = key.sessionToken;
  const signature = createHmac('sha1', key.secretAccessKey)
    .update(stringToSign({ ...request, headers }))
    .digest('base64');
  headers['authorization'] = `AWS ${key.accessKeyId}:${signature}`;
  return Object.assign(request, { headers });
}

function stringToSign({ method, path, query, headers }: SignableRequest): string {
  const amz = Object.keys(headers)
    .filter((name) => name.startsWith('x-amz-'))
    .toSorted()
    .map((name) => `${name}:${(headers[name] ?? '').trim().replaceAll(/\s*\n\s*/g, ' ')}\n`);
  const head = [method, headers['content-md5'] ?? '', headers['content-type'] ?? '', headers['date'] ?? ''].join('\n');
  return `${head}\n${amz.join('')}${path}${signedQuery(query ?? {})}`;
}

function signedQuery(query: NonNullable<SignableRequest['query']>): string {
  const parts = Object.entries(query)
    .filter(([name]) => subResources.has(name))
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => (value === null || value === '' ? name : `${name}=${String(value)}`));
  return parts.length === 0 ? '' : `?${parts.join('&')}`;
}
