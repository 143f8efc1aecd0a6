import { setTimeout as sleep } from 'node:timers/promises';
import type { FakeS3 } from '../s3.ts';
import { authenticate } from './authenticate.ts';
import { type Call, readCall } from './call.ts';
import { rightOf } from './dialect.ts';
import { type Exchange, readBody, send, tear } from './exchange.ts';
import { type Fault, faultOf, type Faults } from './faults.ts';
import {
  type Answer,
  deleteObject,
  deleteObjects,
  getObject,
  listObjects,
  putObject,
  type Request,
  xmlAnswer,
} from './objects.ts';
import { checkPayload, checkPayloadHeaders } from './payload.ts';
import { S3Error } from './s3-error.ts';
import { Bucket, type Keep } from './storage.ts';
import { abortUpload, completeUpload, createUpload, listParts, listUploads, uploadPart } from './uploads.ts';

/** What the server keeps to itself. */
export interface Inside {
  buckets: Map<string, Bucket>;
  keep: Keep;
  faults: Faults;
}

/** Answers one request, whatever comes. */
export async function serve(server: FakeS3, inside: Inside, exchange: Exchange): Promise<void> {
  const { request, response, entry } = exchange;
  const { dialect } = server;
  const nowMs = Date.now() + server.clockOffsetMs;
  const common = {
    date: new Date(nowMs).toUTCString(),
    server: 'fake',
    'x-amz-request-id': `${server.requests.length}`.padStart(16, '0'),
  };
  let struck: Fault[] = [];
  try {
    if (exchange.asks && dialect.expect === 417) {
      entry.status = 417;
      response.writeHead(417, { ...common, connection: 'close' }).end();
      return;
    }
    const call = readCall(request, server.domain, dialect);
    const part = call.query.get('partNumber');
    const { operation, bucket, key } = call;
    Object.assign(entry, { operation, bucket, key, ...(part === undefined ? {} : { part: Number(part) }) });
    struck = inside.faults.strike(call);
    const delay = faultOf(struck, 'delay');
    if (delay) await sleep(delay.ms);
    if (faultOf(struck, 'hang')) return;
    const answer = await carryOut(server, inside, exchange, call, nowMs, struck);
    if (faultOf(struck, 'lose-answer')) {
      tear(request.socket);
      return;
    }
    await send(exchange, { ...answer, headers: { ...common, ...answer.headers } }, struck);
  } catch (error) {
    if (!(error instanceof S3Error)) throw error;
    // Who is in the middle of sending would not hear us.
    if (!exchange.asks) await readBody(exchange, undefined);
    entry.code = error.code;
    const hasBody = request.method !== 'HEAD';
    const headers = { ...common, ...error.headers, ...(hasBody ? { 'content-type': 'application/xml' } : {}) };
    const body = error.toXml((request.url ?? '').split('?')[0] ?? '', common['x-amz-request-id']);
    if (exchange.asks) response.setHeader('connection', 'close');
    await send(exchange, { status: error.status, headers, ...(hasBody ? { body } : {}) }, struck);
  }
}

/** From the headers to the answer: signature first, then the body, rights, and what was asked for. @throws S3Error */
async function carryOut(
  server: FakeS3,
  inside: Inside,
  exchange: Exchange,
  call: Call,
  nowMs: number,
  struck: readonly Fault[],
): Promise<Answer> {
  const { dialect, region, credentials, deny } = server;
  const found = inside.buckets.get(call.bucket);
  const changesBefore = found?.changes.get(call.key) ?? 0;
  const identity = authenticate(call, { credentials, region, dialect, nowMs });
  exchange.entry.signature = identity.signature;
  checkPayloadHeaders(call, dialect);
  if (exchange.asks && dialect.expect === 'continue') {
    exchange.response.writeContinue();
    exchange.asks = false;
  }
  const fails = faultOf(struck, 'error');
  const body = await readBody(exchange, faultOf(struck, 'cut-request')?.bytes, faultOf(struck, 'slow')?.bytesPerSecond);
  if (fails) throw new S3Error(fails.code);
  const payload = checkPayload(call, body, identity.payload, dialect);
  const { operation } = call;
  if (operation === 'ListBuckets') return listBuckets(inside.buckets);
  if (operation === 'CreateBucket') return createBucket(inside.buckets, call.bucket);
  if (!found) throw new S3Error('NoSuchBucket', { extra: { BucketName: call.bucket } });
  const right = rightOf[operation];
  if (right !== undefined && deny.has(right)) throw new S3Error('AccessDenied');
  const flip = faultOf(struck, 'flip-stored') !== undefined;
  const mayList = !deny.has('list');
  const { keep } = inside;
  const full: Request = { call, bucket: found, payload, dialect, keep, nowMs, changesBefore, mayList, flip };
  const odd = faultOf(struck, 'error-in-200');
  if (odd) {
    if (odd.done) await operate(full, inside.buckets, region);
    const text = new S3Error('InternalError').toXml(call.rawPath, '0').replace('\n', '\n    ');
    return { status: 200, headers: { 'content-type': 'application/xml' }, body: text };
  }
  return operate(full, inside.buckets, region);
}

async function operate(request: Request, buckets: Map<string, Bucket>, region: string): Promise<Answer> {
  const { call, bucket, dialect } = request;
  if (!dialect.multipart && /Multipart|Part/.test(call.operation)) throw new S3Error('NotImplemented');
  switch (call.operation) {
    case 'HeadBucket':
      return { status: 200, headers: { 'x-amz-bucket-region': region } };
    case 'DeleteBucket':
      if (bucket.objects.size > 0) throw new S3Error('BucketNotEmpty');
      buckets.delete(bucket.name);
      return { status: 204, headers: {} };
    case 'GetBucketLocation':
      return xmlAnswer(['LocationConstraint', region === 'us-east-1' ? '' : region]);
    case 'ListObjects':
    case 'ListObjectsV2':
      return listObjects(request);
    case 'ListMultipartUploads':
      return listUploads(request);
    case 'DeleteObjects':
      return deleteObjects(request);
    case 'PutObject':
      return putObject(request);
    case 'GetObject':
    case 'HeadObject':
      return getObject(request);
    case 'DeleteObject':
      return deleteObject(request);
    case 'CreateMultipartUpload':
      return createUpload(request);
    case 'UploadPart':
      return uploadPart(request);
    case 'CompleteMultipartUpload':
      return completeUpload(request);
    case 'AbortMultipartUpload':
      return abortUpload(request);
    case 'ListParts':
      return listParts(request);
    default:
      throw new S3Error('MethodNotAllowed');
  }
}

function listBuckets(buckets: Map<string, Bucket>): Answer {
  return xmlAnswer([
    'ListAllMyBucketsResult',
    [
      ['Owner', [['ID', 'fake']]],
      [
        'Buckets',
        [...buckets.keys()].map((name) => [
          'Bucket',
          [
            ['Name', name],
            ['CreationDate', '2026-01-01T00:00:00.000Z'],
          ],
        ]),
      ],
    ],
  ]);
}

function createBucket(buckets: Map<string, Bucket>, name: string): Answer {
  if (!/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(name)) throw new S3Error('InvalidBucketName');
  if (buckets.has(name)) throw new S3Error('BucketAlreadyOwnedByYou');
  buckets.set(name, new Bucket(name));
  return { status: 200, headers: { location: `/${name}` } };
}
