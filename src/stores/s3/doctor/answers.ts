import type { Answer } from './ask.ts';
import { isDone } from './ask.ts';

/** What an answer to a signed listing says about the way of asking, whatever words the server has for it. */
export type Kind =
  /** The signature was believed; whether it helps is another question. */
  | 'accepted'
  | 'denied'
  | 'no-bucket'
  | 'mismatch'
  | 'added-headers'
  | 'region'
  | 'skew'
  | 'unknown-key'
  | 'token'
  | 'version'
  | 'style'
  /** Somebody answered, but it is no S3. */
  | 'foreign'
  | 'silent'
  | 'other';

const codes: Record<string, Kind> = {
  AccessDenied: 'denied',
  AllAccessDisabled: 'denied',
  Forbidden: 'denied',
  NoSuchBucket: 'no-bucket',
  SignatureDoesNotMatch: 'mismatch',
  AuthorizationHeaderMalformed: 'region',
  AuthorizationQueryParametersError: 'region',
  IllegalLocationConstraintException: 'region',
  RequestTimeTooSkewed: 'skew',
  RequestExpired: 'skew',
  InvalidAccessKeyId: 'unknown-key',
  ExpiredToken: 'token',
  ExpiredTokenException: 'token',
  InvalidToken: 'token',
  TokenRefreshRequired: 'token',
  SecondLevelDomainForbidden: 'style',
  InvalidBucketName: 'style',
  MethodNotAllowed: 'style',
};

export function kindOf(answer: Answer): Kind {
  const { status, code, message, headers, body } = answer;
  if (status === 0) return 'silent';
  if (isDone(answer)) {
    if (body.includes('<ListBucketResult')) return 'accepted';
    // Asked for a bucket by its host name, it answered for the whole service.
    return body.includes('<ListAllMyBucketsResult') ? 'style' : 'foreign';
  }
  if (answer.fields['HeadersNotSigned'] !== undefined) return 'added-headers';
  if (/authorization (mechanism|type)|AWS4-HMAC-SHA256|signature version/i.test(message)) return 'version';
  if (status === 301 || status === 307 || code.endsWith('Redirect')) return headers['x-amz-bucket-region'] ? 'region' : 'style';
  const known = codes[code];
  if (known !== undefined) return known;
  return body.includes('<Error>') || body === '' ? 'other' : 'foreign';
}

/** The region that an answer names as the right one. */
export function namedRegion({ headers, fields, message }: Answer): string | undefined {
  const header = headers['x-amz-bucket-region'];
  return (typeof header === 'string' ? header : undefined) ?? fields['Region'] ?? /expecting '([^']+)'/.exec(message)?.[1];
}

/** `AccessDenied: Access Denied`, for messages. */
export function wordsOf({ status, code, message }: Answer): string {
  if (status === 0) return message === '' ? code : `${code}: ${message}`;
  return message === '' || code === message ? code : `${code}: ${message}`;
}

/** How what the server says it was asked differs from what was signed; undefined when it says nothing, or the same. */
export interface Difference {
  part: 'host' | 'path' | 'query' | 'headers';
  /** Of a header. */
  name?: string;
  sent: string;
  seen: string;
}

interface Canonical {
  path: string;
  query: string;
  headers: Map<string, string>;
}

export function saysWhatItSaw(answer: Answer): boolean {
  return answer.fields['CanonicalRequest'] !== undefined && answer.canonicalRequest !== '';
}

export function differenceIn(answer: Answer): Difference | undefined {
  if (!saysWhatItSaw(answer)) return undefined;
  const ours = readCanonical(answer.canonicalRequest);
  const theirs = readCanonical(answer.fields['CanonicalRequest'] ?? '');
  for (const [name, sent] of ours.headers) {
    const seen = theirs.headers.get(name) ?? '';
    if (seen !== sent) return name === 'host' ? { part: 'host', sent, seen } : { part: 'headers', name, sent, seen };
  }
  if (ours.path !== theirs.path) return { part: 'path', sent: ours.path, seen: theirs.path };
  return ours.query === theirs.query ? undefined : { part: 'query', sent: ours.query, seen: theirs.query };
}

function readCanonical(text: string): Canonical {
  const [, path = '', query = '', ...rest] = text.split(/\r?\n/);
  const end = rest.indexOf('');
  const headers = rest.slice(0, end === -1 ? rest.length : end).map((line): [string, string] => {
    const at = line.indexOf(':');
    return [line.slice(0, at), line.slice(at + 1)];
  });
  return { path, query, headers: new Map(headers) };
}
