import { randomBytes } from 'node:crypto';
import type { Call } from './call.ts';
import type { Dialect } from './dialect.ts';
import type { Payload } from './payload.ts';
import { parseXml } from './read-xml.ts';
import { S3Error } from './s3-error.ts';
import { type Bucket, byBytes, flipBit, type Keep, readRange, type StoredObject } from './storage.ts';
import { renderXml, type XmlNode } from './xml.ts';

/** What goes back: text, or bytes that come piece by piece. */
export interface Answer {
  status: number;
  headers: Record<string, string>;
  body?: string | { size: number; pieces: AsyncIterable<Buffer> };
}

/** What an operation works with. */
export interface Request {
  call: Call;
  bucket: Bucket;
  payload: Payload;
  dialect: Dialect;
  keep: Keep;
  nowMs: number;
  /** How often the key had changed when the request began. */
  changesBefore: number;
  mayList: boolean;
  /** Store it with a bit wrong. */
  flip: boolean;
}

/** The error-free answer with a document. */
export function xmlAnswer(root: XmlNode): Answer {
  return { status: 200, headers: { 'content-type': 'application/xml' }, body: renderXml(root) };
}

/** Headers of an upload that come back with the object. */
export function keptHeaders(call: Call): Record<string, string> {
  const kept = [...call.headers].filter(
    ([name]) => name.startsWith('x-amz-meta-') || ['content-type', 'cache-control', 'content-disposition'].includes(name),
  );
  const encoding = call.headers
    .get('content-encoding')
    ?.split(/, */)
    .filter((name) => name !== 'aws-chunked')
    .join(', ');
  return {
    'content-type': 'binary/octet-stream',
    ...Object.fromEntries(kept),
    ...(encoding ? { 'content-encoding': encoding } : {}),
  };
}

/** Refuses a write whose conditions are not met at this moment. @throws S3Error */
export function checkConditions({ call, bucket, dialect, changesBefore }: Request): void {
  const ifMatch = call.headers.get('if-match');
  const ifNoneMatch = call.headers.get('if-none-match');
  for (const [name, value, how] of [
    ['If-Match', ifMatch, dialect.ifMatch],
    ['If-None-Match', ifNoneMatch, dialect.ifNoneMatch],
  ] as const)
    if (value !== undefined && how === 'refuse') throw new S3Error('NotImplemented', { extra: { Header: name } });
  const counts =
    (ifMatch !== undefined && ['honour', 'plain'].includes(dialect.ifMatch)) ||
    (ifNoneMatch !== undefined && dialect.ifNoneMatch === 'honour');
  if (!counts) return;
  if (ifNoneMatch !== undefined && ifNoneMatch !== '*')
    throw new S3Error('NotImplemented', { extra: { Header: 'If-None-Match' } });
  const changed = (bucket.changes.get(call.key) ?? 0) !== changesBefore;
  if (changed && dialect.races === 409) throw new S3Error('ConditionalRequestConflict');
  const found = bucket.objects.get(call.key);
  const failed = (Condition: string): S3Error => new S3Error('PreconditionFailed', { extra: { Condition } });
  if (ifNoneMatch !== undefined && dialect.ifNoneMatch === 'honour' && found) throw failed('If-None-Match');
  if (ifMatch === undefined || dialect.ifMatch === 'ignore') return;
  if (!found) throw new S3Error('NoSuchKey');
  if ((dialect.ifMatch === 'plain' ? ifMatch : unquote(ifMatch)) !== found.etag) throw failed('If-Match');
}

export function unquote(etag: string): string {
  return etag.replaceAll(/^"|"$/g, '');
}

export async function putObject(request: Request): Promise<Answer> {
  const { call, bucket, payload, dialect, keep, nowMs } = request;
  const chunks = request.flip ? [flipBit(payload.chunks, Math.floor(payload.size / 2))] : payload.chunks;
  const segment = await keep(chunks);
  try {
    checkConditions(request);
  } catch (error) {
    await segment.release();
    throw error;
  }
  const etag = dialect.etag === 'md5' ? payload.md5 : opaqueTag();
  const object = { size: payload.size, etag, modifiedMs: nowMs, headers: keptHeaders(call), checksums: payload.checksums };
  await bucket.replace(call.key, { key: call.key, ...object, segments: [segment] });
  return { status: 200, headers: { etag: `"${etag}"`, ...payload.checksums } };
}

export function opaqueTag(): string {
  return `opaque-${randomBytes(12).toString('base64url')}`;
}

/** @throws S3Error NoSuchKey, PreconditionFailed, InvalidRange */
export function getObject({ call, bucket, mayList }: Request): Answer {
  const object = bucket.objects.get(call.key);
  // Who may not list is not told what is there.
  if (!object) throw new S3Error(mayList ? 'NoSuchKey' : 'AccessDenied', mayList ? { extra: { Key: call.key } } : {});
  const ifMatch = call.headers.get('if-match');
  if (ifMatch !== undefined && unquote(ifMatch) !== object.etag) throw new S3Error('PreconditionFailed');
  const tag = { etag: `"${object.etag}"`, 'last-modified': new Date(object.modifiedMs).toUTCString() };
  const ifNoneMatch = call.headers.get('if-none-match');
  if (ifNoneMatch !== undefined && unquote(ifNoneMatch) === object.etag) return { status: 304, headers: tag };
  const range = rangeOf(call.headers.get('range'), object.size);
  const checksums = call.headers.get('x-amz-checksum-mode') === 'ENABLED' && !range ? object.checksums : {};
  const [start, end] = range ?? [0, object.size];
  return {
    status: range ? 206 : 200,
    headers: {
      ...object.headers,
      ...checksums,
      ...tag,
      'accept-ranges': 'bytes',
      ...(range ? { 'content-range': `bytes ${start}-${end - 1}/${object.size}` } : {}),
    },
    body: { size: end - start, pieces: readRange(object.segments, start, end) },
  };
}

/** From and behind the last byte; undefined for the whole. @throws S3Error InvalidRange */
function rangeOf(header: string | undefined, size: number): [number, number] | undefined {
  const [, first, last] = /^bytes=(\d*)-(\d*)$/.exec(header ?? '') ?? [];
  if (first === undefined || last === undefined || (first === '' && last === '')) return undefined;
  const start = first === '' ? Math.max(0, size - Number(last)) : Number(first);
  const end = first === '' || last === '' ? size : Math.min(size, Number(last) + 1);
  if (start >= end) throw new S3Error('InvalidRange', { headers: { 'content-range': `bytes */${size}` } });
  return [start, end];
}

export async function deleteObject({ call, bucket }: Request): Promise<Answer> {
  if (bucket.objects.has(call.key)) await bucket.replace(call.key, undefined);
  return { status: 204, headers: {} };
}

/** @throws S3Error InvalidRequest without a digest of the list */
export async function deleteObjects({ call, bucket, payload }: Request): Promise<Answer> {
  if (!call.headers.has('content-md5') && Object.keys(payload.checksums).length === 0)
    throw new S3Error('InvalidRequest', { message: 'Missing required header for this request: Content-MD5' });
  const list = parseXml(Buffer.concat(payload.chunks).toString(), 'Delete');
  const objects = (list['Object'] ?? []) as { Key: string }[];
  if (objects.length === 0 || objects.length > 1000) throw new S3Error('MalformedXML');
  for (const { Key } of objects) if (bucket.objects.has(Key)) await bucket.replace(Key, undefined);
  const deleted = objects.map(({ Key }): XmlNode => ['Deleted', [['Key', Key]]]);
  return xmlAnswer(['DeleteResult', list['Quiet'] === 'true' ? [] : deleted]);
}

/** Both versions of the listing, with prefix, delimiter and pages. */
export function listObjects({ call, bucket, dialect }: Request): Answer {
  const isV2 = call.operation === 'ListObjectsV2';
  const query = (name: string): string => call.query.get(name) ?? '';
  const [prefix, delimiter] = [query('prefix'), query('delimiter')];
  const maxKeys = Math.min(dialect.pageSize, call.query.has('max-keys') ? Number(query('max-keys')) : dialect.pageSize);
  if (!(maxKeys >= 0)) throw new S3Error('InvalidArgument');
  const token = query('continuation-token');
  const start = token === '' ? query(isV2 ? 'start-after' : 'marker') : Buffer.from(token, 'base64url').toString();
  const encode = query('encoding-type') === 'url' ? encodeURIComponent : (text: string): string => text;
  const found: StoredObject[] = [];
  const folders = new Set<string>();
  let last = '';
  let more = false;
  for (const key of bucket.keys()) {
    if (!key.startsWith(prefix)) continue;
    const end = delimiter === '' ? -1 : key.indexOf(delimiter, prefix.length);
    const name = end === -1 ? key : key.slice(0, end + delimiter.length);
    // A folder that was in the page before is not in this one.
    if (start !== '' && (byBytes(name, start) <= 0 || folders.has(name))) continue;
    if (folders.has(name)) continue;
    more = found.length + folders.size >= maxKeys;
    if (more) break;
    const object = bucket.objects.get(key);
    if (end !== -1) folders.add(name);
    else if (object) found.push(object);
    last = name;
  }
  const next = Buffer.from(last).toString('base64url');
  return xmlAnswer([
    'ListBucketResult',
    [
      ['Name', bucket.name],
      ['Prefix', encode(prefix)],
      ...(isV2
        ? ([
            ['KeyCount', found.length + folders.size],
            ...(token === '' ? [] : [['ContinuationToken', token]]),
            ...(more ? [['NextContinuationToken', next]] : []),
          ] as XmlNode[])
        : ([['Marker', encode(start)], ...(more && delimiter !== '' ? [['NextMarker', encode(last)]] : [])] as XmlNode[])),
      ['MaxKeys', maxKeys],
      ...(delimiter === '' ? [] : [['Delimiter', encode(delimiter)] as XmlNode]),
      ...(query('encoding-type') === 'url' ? [['EncodingType', 'url'] as XmlNode] : []),
      ['IsTruncated', more],
      ...found.map(
        ({ key, size, etag, modifiedMs }): XmlNode => [
          'Contents',
          [
            ['Key', encode(key)],
            ['LastModified', new Date(modifiedMs).toISOString()],
            ['ETag', `"${etag}"`],
            ['Size', size],
            ['StorageClass', 'STANDARD'],
          ],
        ],
      ),
      ...[...folders].map((name): XmlNode => ['CommonPrefixes', [['Prefix', encode(name)]]]),
    ],
  ]);
}
