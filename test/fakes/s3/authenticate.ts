import type { Call } from './call.ts';
import type { Dialect } from './dialect.ts';
import { S3Error } from './s3-error.ts';
import { readV2Claim, verifyV2 } from './sigv2.ts';
import { readV4Claim, verifyV4 } from './sigv4.ts';

export interface Credential {
  secretKey: string;
  /** Then requests must carry it. */
  sessionToken?: string;
  /** The token is refused as too old. */
  expired?: boolean;
}

/** What a good signature says. */
export interface Identity {
  signature: 'v4' | 'v2' | 'anonymous';
  /** The digest of the body in hex, or a word such as UNSIGNED-PAYLOAD; absent when the signature says nothing of it. */
  payload?: string;
}

export interface Keeper {
  credentials: ReadonlyMap<string, Credential>;
  region: string;
  dialect: Dialect;
  nowMs: number;
}

/** Who asks, and whether it is true. @throws S3Error */
export function authenticate(call: Call, keeper: Keeper): Identity {
  const { dialect } = keeper;
  const v4 = readV4Claim(call);
  const v2 = v4 ? undefined : readV2Claim(call);
  if (v4) {
    if (!dialect.signatures.includes('v4'))
      throw new S3Error('InvalidArgument', {
        message: 'Unsupported Authorization Type',
        extra: { ArgumentName: 'Authorization' },
      });
    const { secretKey } = credentialOf(call, v4.accessKey, 'X-Amz-Security-Token', keeper);
    verifyV4(call, v4, { ...keeper, secretKey });
    return { signature: 'v4', payload: v4.payload };
  }
  if (v2) {
    if (!dialect.signatures.includes('v2'))
      throw new S3Error('InvalidRequest', {
        message: 'The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.',
      });
    const { secretKey } = credentialOf(call, v2.accessKey, 'x-amz-security-token', keeper);
    verifyV2(call, v2, { ...keeper, secretKey });
    return { signature: 'v2' };
  }
  if (dialect.anonymousRead && ['GetObject', 'HeadObject'].includes(call.operation)) return { signature: 'anonymous' };
  throw new S3Error('AccessDenied');
}

function credentialOf(call: Call, accessKey: string, tokenParameter: string, { credentials }: Keeper): Credential {
  const found = credentials.get(accessKey);
  if (!found) throw new S3Error('InvalidAccessKeyId', { extra: { AWSAccessKeyId: accessKey } });
  const token = call.headers.get('x-amz-security-token') ?? call.query.get(tokenParameter);
  if (found.expired) throw new S3Error('ExpiredToken', token === undefined ? {} : { extra: { 'Token-0': token } });
  if (token !== found.sessionToken) throw new S3Error(token === undefined ? 'InvalidAccessKeyId' : 'InvalidToken');
  return found;
}
