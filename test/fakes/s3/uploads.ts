import { createHash, randomBytes } from 'node:crypto';
import { type Answer, checkConditions, keptHeaders, opaqueTag, type Request, unquote, xmlAnswer } from './objects.ts';
import { parseXml } from './read-xml.ts';
import { S3Error } from './s3-error.ts';
import { byBytes, flipBit, type StoredPart, type Upload } from './storage.ts';
import type { XmlNode } from './xml.ts';

/** Uploads in parts. */

function uploadOf({ call, bucket }: Request): Upload {
  const upload = bucket.uploads.get(call.query.get('uploadId') ?? '');
  if (upload?.key !== call.key) throw new S3Error('NoSuchUpload', { extra: { UploadId: call.query.get('uploadId') ?? '' } });
  return upload;
}

export function createUpload({ call, bucket, nowMs }: Request): Answer {
  const id = randomBytes(24).toString('base64url');
  bucket.uploads.set(id, { id, key: call.key, startedMs: nowMs, headers: keptHeaders(call), parts: new Map() });
  return xmlAnswer([
    'InitiateMultipartUploadResult',
    [
      ['Bucket', bucket.name],
      ['Key', call.key],
      ['UploadId', id],
    ],
  ]);
}

/** @throws S3Error NoSuchUpload, InvalidArgument */
export async function uploadPart(request: Request): Promise<Answer> {
  const { call, payload, dialect, nowMs, keep, flip } = request;
  const upload = uploadOf(request);
  const number = Number(call.query.get('partNumber'));
  if (!(Number.isInteger(number) && number >= 1 && number <= 10_000))
    throw new S3Error('InvalidArgument', { message: 'Part number must be an integer between 1 and 10000, inclusive' });
  const segment = await keep(flip ? [flipBit(payload.chunks, Math.floor(payload.size / 2))] : payload.chunks);
  const etag = dialect.etag === 'md5' ? payload.md5 : opaqueTag();
  const before = upload.parts.get(number);
  upload.parts.set(number, { number, size: payload.size, etag, modifiedMs: nowMs, segment });
  await before?.segment.release();
  return { status: 200, headers: { etag: `"${etag}"`, ...payload.checksums } };
}

/** @throws S3Error NoSuchUpload, MalformedXML, InvalidPart, InvalidPartOrder, EntityTooSmall, and what conditions throw */
export async function completeUpload(request: Request): Promise<Answer> {
  const { call, bucket, payload, dialect, nowMs } = request;
  const upload = uploadOf(request);
  const list = parseXml(Buffer.concat(payload.chunks).toString(), 'CompleteMultipartUpload');
  const parts = partsOf((list['Part'] ?? []) as { PartNumber: string; ETag: string }[], upload, dialect.minPartBytes);
  checkConditions(request);
  const joined = createHash('md5');
  for (const { etag } of parts) joined.update(Buffer.from(etag, 'hex'));
  const etag = dialect.etag === 'md5' ? `${joined.digest('hex')}-${parts.length}` : opaqueTag();
  const unused = [...upload.parts.values()].filter((part) => !parts.includes(part));
  bucket.uploads.delete(upload.id);
  await bucket.replace(call.key, {
    key: call.key,
    size: parts.reduce((sum, { size }) => sum + size, 0),
    etag,
    modifiedMs: nowMs,
    headers: upload.headers,
    checksums: {},
    segments: parts.map(({ segment }) => segment),
  });
  for (const { segment } of unused) await segment.release();
  return xmlAnswer([
    'CompleteMultipartUploadResult',
    [
      ['Location', `http://${call.host}${call.rawPath}`],
      ['Bucket', bucket.name],
      ['Key', call.key],
      ['ETag', dialect.completeEtag === 'given' ? `"${etag}"` : ''],
    ],
  ]);
}

function partsOf(listed: { PartNumber: string; ETag: string }[], upload: Upload, minPartBytes: number): StoredPart[] {
  if (listed.length === 0) throw new S3Error('MalformedXML');
  const numbers = listed.map(({ PartNumber }) => Number(PartNumber));
  if (numbers.some((number, at) => at > 0 && number <= (numbers[at - 1] ?? 0))) throw new S3Error('InvalidPartOrder');
  return listed.map(({ PartNumber, ETag }, at) => {
    const part = upload.parts.get(Number(PartNumber));
    if (part?.etag !== unquote(ETag)) throw new S3Error('InvalidPart', { extra: { UploadId: upload.id, PartNumber, ETag } });
    if (part.size < minPartBytes && at < listed.length - 1)
      throw new S3Error('EntityTooSmall', {
        extra: { ProposedSize: String(part.size), MinSizeAllowed: String(minPartBytes), PartNumber },
      });
    return part;
  });
}

export async function abortUpload(request: Request): Promise<Answer> {
  const upload = uploadOf(request);
  request.bucket.uploads.delete(upload.id);
  for (const { segment } of upload.parts.values()) await segment.release();
  return { status: 204, headers: {} };
}

export function listParts(request: Request): Answer {
  const { call, bucket, dialect } = request;
  const upload = uploadOf(request);
  const marker = Number(call.query.get('part-number-marker') ?? 0);
  const maxParts = Math.min(dialect.pageSize, Number(call.query.get('max-parts') ?? dialect.pageSize));
  const rest = [...upload.parts.values()].toSorted((a, b) => a.number - b.number).filter(({ number }) => number > marker);
  const page = rest.slice(0, maxParts);
  return xmlAnswer([
    'ListPartsResult',
    [
      ['Bucket', bucket.name],
      ['Key', upload.key],
      ['UploadId', upload.id],
      ['PartNumberMarker', marker],
      ['NextPartNumberMarker', page.at(-1)?.number ?? 0],
      ['MaxParts', maxParts],
      ['IsTruncated', rest.length > page.length],
      ...page.map(
        ({ number, size, etag, modifiedMs }): XmlNode => [
          'Part',
          [
            ['PartNumber', number],
            ['LastModified', new Date(modifiedMs).toISOString()],
            ['ETag', `"${etag}"`],
            ['Size', size],
          ],
        ],
      ),
    ],
  ]);
}

export function listUploads({ call, bucket, dialect }: Request): Answer {
  const [prefix, keyMarker, idMarker] = ['prefix', 'key-marker', 'upload-id-marker'].map((name) => call.query.get(name) ?? '');
  const maxUploads = Math.min(dialect.pageSize, Number(call.query.get('max-uploads') ?? dialect.pageSize));
  const order = (a: { key: string; id: string }, b: { key: string; id: string }): number =>
    byBytes(a.key, b.key) || byBytes(a.id, b.id);
  const isBehind = (upload: Upload): boolean =>
    idMarker === '' ? byBytes(upload.key, keyMarker ?? '') > 0 : order(upload, { key: keyMarker ?? '', id: idMarker ?? '' }) > 0;
  const rest = [...bucket.uploads.values()]
    .filter((upload) => upload.key.startsWith(prefix ?? '') && (keyMarker === '' || isBehind(upload)))
    .toSorted(order);
  const page = rest.slice(0, maxUploads);
  return xmlAnswer([
    'ListMultipartUploadsResult',
    [
      ['Bucket', bucket.name],
      ['KeyMarker', keyMarker ?? ''],
      ['UploadIdMarker', idMarker ?? ''],
      ['NextKeyMarker', page.at(-1)?.key ?? ''],
      ['NextUploadIdMarker', page.at(-1)?.id ?? ''],
      ['MaxUploads', maxUploads],
      ['Prefix', prefix ?? ''],
      ['IsTruncated', rest.length > page.length],
      ...page.map(
        ({ key, id, startedMs }): XmlNode => [
          'Upload',
          [
            ['Key', key],
            ['UploadId', id],
            ['StorageClass', 'STANDARD'],
            ['Initiated', new Date(startedMs).toISOString()],
          ],
        ],
      ),
    ],
  ]);
}
