import { createHmac } from 'node:crypto';
import { type Call, splitQuery } from './call.ts';
import type { Dialect } from './dialect.ts';
import { S3Error } from './s3-error.ts';
import { hexBytes, isSame, maxSkewMs, tooSkewed } from './sigv4.ts';

/** Checks the old signature (version 2, HMAC-SHA1) of a request, in its header or in a presigned URL. */

export interface V2Claim {
  accessKey: string;
  signature: string;
  /** Seconds since 1970 at which a presigned URL ends. */
  expires?: number;
}

/** The parameters that are part of what is signed. */
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
  'restore',
  'tagging',
  'torrent',
  'uploadId',
  'uploads',
  'versionId',
  'versioning',
  'versions',
  'website',
]);

/** The claim, when there is one. @throws S3Error when it is malformed */
export function readV2Claim(call: Call): V2Claim | undefined {
  const header = call.headers.get('authorization');
  if (header?.startsWith('AWS ')) {
    const [accessKey = '', signature] = header.slice(4).trim().split(':');
    if (!signature) throw new S3Error('InvalidArgument', { message: 'AWS authorization header is invalid.' });
    return { accessKey, signature };
  }
  const [accessKey, signature] = [call.query.get('AWSAccessKeyId'), call.query.get('Signature')];
  if (accessKey === undefined || signature === undefined) return undefined;
  return { accessKey, signature, expires: Number(call.query.get('Expires')) };
}

/** @throws S3Error when the time or the signature is not right */
export function verifyV2(call: Call, claim: V2Claim, server: { secretKey: string; nowMs: number; dialect: Dialect }): void {
  const { dialect, nowMs } = server;
  const stringToSign = v2StringToSign(call, claim);
  const mismatch = (): S3Error =>
    new S3Error('SignatureDoesNotMatch', {
      extra: dialect.explains
        ? {
            AWSAccessKeyId: claim.accessKey,
            StringToSign: stringToSign,
            SignatureProvided: claim.signature,
            StringToSignBytes: hexBytes(stringToSign),
          }
        : {},
    });
  if (claim.expires === undefined) {
    const date = call.headers.get('x-amz-date') ?? call.headers.get('date');
    const time = Date.parse(date ?? '');
    if (Number.isNaN(time))
      throw new S3Error('AccessDenied', { message: 'AWS authentication requires a valid Date or x-amz-date header' });
    if (Math.abs(time - nowMs) >= maxSkewMs) throw dialect.skew === 'mismatch' ? mismatch() : tooSkewed(date ?? '', nowMs);
  } else if (!(claim.expires * 1000 > nowMs)) throw new S3Error('AccessDenied', { message: 'Request has expired' });
  const expected = createHmac('sha1', server.secretKey).update(stringToSign).digest('base64');
  if (!isSame(expected, claim.signature)) throw mismatch();
}

function v2StringToSign(call: Call, claim: V2Claim): string {
  const header = (name: string): string => call.headers.get(name) ?? '';
  const date = claim.expires ?? (call.headers.has('x-amz-date') ? '' : header('date'));
  const amz = [...call.headers]
    .filter(([name]) => name.startsWith('x-amz-'))
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => `${name}:${value.trim()}\n`)
    .join('');
  const resources = splitQuery(call.rawQuery)
    .filter(([name]) => subResources.has(name))
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => (value === '' ? name : `${name}=${value}`))
    .join('&');
  const resource = `${call.style === 'virtual' ? `/${call.bucket}` : ''}${call.rawPath}${resources === '' ? '' : `?${resources}`}`;
  return [call.method, header('content-md5'), header('content-type'), date, `${amz}${resource}`].join('\n');
}
