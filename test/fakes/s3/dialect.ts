/** What a request asks for, in the words of the S3 API. */
export type Operation =
  | 'ListBuckets'
  | 'CreateBucket'
  | 'HeadBucket'
  | 'DeleteBucket'
  | 'GetBucketLocation'
  | 'ListObjects'
  | 'ListObjectsV2'
  | 'ListMultipartUploads'
  | 'DeleteObjects'
  | 'PutObject'
  | 'GetObject'
  | 'HeadObject'
  | 'DeleteObject'
  | 'CreateMultipartUpload'
  | 'UploadPart'
  | 'CompleteMultipartUpload'
  | 'AbortMultipartUpload'
  | 'ListParts';

export type Right = 'put' | 'get' | 'list' | 'delete';

/** The right that an operation needs; listing buckets and asking for a region need none. */
export const rightOf: Partial<Record<Operation, Right>> = {
  HeadBucket: 'list',
  ListObjects: 'list',
  ListObjectsV2: 'list',
  ListMultipartUploads: 'list',
  ListParts: 'put',
  PutObject: 'put',
  CreateMultipartUpload: 'put',
  UploadPart: 'put',
  CompleteMultipartUpload: 'put',
  AbortMultipartUpload: 'delete',
  GetObject: 'get',
  HeadObject: 'get',
  DeleteObject: 'delete',
  DeleteObjects: 'delete',
};

/** How a server understands S3: every line is something that servers in the field do differently. */
export interface Dialect {
  signatures: readonly ('v4' | 'v2')[];
  styles: readonly ('path' | 'virtual')[];
  /** A request for another region is refused with its name, without it, as a wrong signature, or not at all. */
  region: 'named' | 'unnamed' | 'mismatch' | 'any';
  /** `x-amz-checksum-*` and their kin: verified, not looked at, or refused with that status. */
  checksums: 'verify' | 'ignore' | 501 | 400;
  /** Bodies in `aws-chunked`, with their checksum behind them. */
  trailers: 'accept' | 411 | 501;
  /** `refuse`: 501 NotImplemented. `plain`: a tag in quotes fits nothing, as with older Ceph. */
  ifMatch: 'honour' | 'plain' | 'ignore' | 'refuse';
  ifNoneMatch: 'honour' | 'ignore' | 'refuse';
  /** `never`: a client that asks whether to go on gets no answer. */
  expect: 'continue' | 'never' | 417;
  etag: 'md5' | 'opaque';
  /** What the completion of a multipart upload says. */
  completeEtag: 'given' | 'empty';
  /** A clock that is wrong by more than 15 minutes, or is not even looked at: `mismatch` calls it a wrong signature. */
  skew: 'named' | 'mismatch';
  /** Whether a wrong signature is answered with the request as the server saw it. */
  explains: boolean;
  /** How often the path is encoded before it is signed. */
  pathEncoding: 'once' | 'twice';
  multipart: boolean;
  /** The answer when an object changed while a conditional upload was on its way. */
  races: 409 | 412;
  minPartBytes: number;
  /** The most keys or parts in one answer. */
  pageSize: number;
  /** Whether objects can be read without a signature. */
  anonymousRead: boolean;
}

/** Strict, and like the original. */
export const strictDialect: Dialect = {
  signatures: ['v4', 'v2'],
  styles: ['path', 'virtual'],
  region: 'named',
  checksums: 'verify',
  trailers: 'accept',
  ifMatch: 'honour',
  ifNoneMatch: 'honour',
  expect: 'continue',
  etag: 'md5',
  completeEtag: 'given',
  skew: 'named',
  explains: true,
  pathEncoding: 'once',
  multipart: true,
  races: 409,
  minPartBytes: 5 * 2 ** 20,
  pageSize: 1000,
  anonymousRead: false,
};
