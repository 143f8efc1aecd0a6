import type { IncomingMessage } from 'node:http';
import type { Dialect, Operation } from './dialect.ts';
import { S3Error } from './s3-error.ts';

/** One request as the server understands it. */
export interface Call {
  method: string;
  /** As they came, still encoded. */
  rawPath: string;
  rawQuery: string;
  /** Decoded; a parameter without a value has an empty one. */
  query: Map<string, string>;
  host: string;
  /** Lower-case names; repeated headers are joined with a comma. */
  headers: Map<string, string>;
  style: 'path' | 'virtual';
  bucket: string;
  key: string;
  operation: Operation;
}

/** Sub-resources that this server has no code for. */
const unknownResources = [
  'acl',
  'attributes',
  'cors',
  'encryption',
  'lifecycle',
  'logging',
  'notification',
  'object-lock',
  'ownershipControls',
  'policy',
  'replication',
  'requestPayment',
  'restore',
  'retention',
  'select',
  'tagging',
  'torrent',
  'versioning',
  'versions',
  'website',
];

/** @throws S3Error InvalidURI, NotImplemented, MethodNotAllowed, SecondLevelDomainForbidden */
export function readCall(request: IncomingMessage, domain: string, dialect: Dialect): Call {
  const headers = new Map<string, string>();
  const { rawHeaders } = request;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = (rawHeaders[at] ?? '').toLowerCase();
    const before = headers.get(name);
    headers.set(name, before === undefined ? (rawHeaders[at + 1] ?? '') : `${before},${rawHeaders[at + 1] ?? ''}`);
  }
  const [rawPath, rawQuery] = splitOnce(request.url ?? '/', '?');
  const query = new Map(splitQuery(rawQuery));
  const host = headers.get('host') ?? '';
  const name = host.replace(/:\d+$/, '');
  const label = name.endsWith(`.${domain}`) ? name.slice(0, -domain.length - 1) : undefined;
  const style = label !== undefined && dialect.styles.includes('virtual') ? 'virtual' : 'path';
  if (style === 'path' && !dialect.styles.includes('path') && rawPath !== '/') throw new S3Error('SecondLevelDomainForbidden');
  const path = decode(rawPath.slice(1));
  const [first, rest] = splitOnce(path, '/');
  const bucket = style === 'virtual' ? (label ?? '') : first;
  const key = style === 'virtual' ? path : rest;
  if (Buffer.byteLength(key) > 1024) throw new S3Error('KeyTooLongError');
  const method = request.method ?? '';
  const unknown = unknownResources.find((resource) => query.has(resource));
  if (unknown !== undefined || headers.has('x-amz-copy-source')) {
    throw new S3Error('NotImplemented', { message: `This server has no ${unknown ?? 'copies'}` });
  }
  const operation = operationOf(method, bucket, key, query);
  return { method, rawPath, rawQuery, query, host, headers, style, bucket, key, operation };
}

export function splitOnce(text: string, separator: string): [string, string] {
  const at = text.indexOf(separator);
  return at === -1 ? [text, ''] : [text.slice(0, at), text.slice(at + separator.length)];
}

export function splitQuery(rawQuery: string): [string, string][] {
  return rawQuery
    .split('&')
    .filter(Boolean)
    .map((pair) => {
      const [name, value] = splitOnce(pair, '=');
      return [decode(name.replaceAll('+', ' ')), decode(value.replaceAll('+', ' '))];
    });
}

/** @throws S3Error InvalidURI */
export function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new S3Error('InvalidURI');
  }
}

function operationOf(method: string, bucket: string, key: string, query: Map<string, string>): Operation {
  const found = bucket === '' ? ofService(method) : key === '' ? ofBucket(method, query) : ofObject(method, query);
  if (found === undefined) throw new S3Error('MethodNotAllowed');
  return found;
}

function ofService(method: string): Operation | undefined {
  return method === 'GET' ? 'ListBuckets' : undefined;
}

function ofBucket(method: string, query: Map<string, string>): Operation | undefined {
  if (method === 'GET') {
    if (query.has('location')) return 'GetBucketLocation';
    if (query.has('uploads')) return 'ListMultipartUploads';
    return query.get('list-type') === '2' ? 'ListObjectsV2' : 'ListObjects';
  }
  if (method === 'POST') return query.has('delete') ? 'DeleteObjects' : undefined;
  return ({ PUT: 'CreateBucket', HEAD: 'HeadBucket', DELETE: 'DeleteBucket' } as const)[method];
}

function ofObject(method: string, query: Map<string, string>): Operation | undefined {
  const inUpload = query.has('uploadId');
  if (method === 'POST') {
    if (query.has('uploads')) return 'CreateMultipartUpload';
    return inUpload ? 'CompleteMultipartUpload' : undefined;
  }
  const [plain, part] =
    (
      {
        PUT: ['PutObject', 'UploadPart'],
        GET: ['GetObject', 'ListParts'],
        HEAD: ['HeadObject', undefined],
        DELETE: ['DeleteObject', 'AbortMultipartUpload'],
      } as const
    )[method] ?? [];
  return inUpload ? part : plain;
}
