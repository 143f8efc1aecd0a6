import type { Settings } from './connection.ts';
import { AppError, toAppError } from '../../util/errors.ts';
import { type Failure, failureOf } from './transient.ts';

/** What was done when something failed. */
export interface Operation {
  /** `write`, `read` …, as a sentence goes on: "Cannot write KEY". */
  verb: 'write' | 'read' | 'look at' | 'list' | 'delete' | 'sweep';
  /** The right that it takes, as S3 policies name it. */
  right: string;
  /** In the bucket, with the prefix; empty when the bucket as a whole is meant. */
  key: string;
}

/** A failure in plain words, naming bucket, key, right and endpoint. */
export function faultOf(error: unknown, operation: Operation, { bucket, endpoint, region, isAws }: Settings): AppError {
  if (error instanceof AppError) return error;
  const failure = failureOf(error);
  const { verb, right, key } = operation;
  const where = `bucket ${bucket} at ${endpoint}`;
  const what = `Cannot ${verb} ${key === '' ? where : `${key} in ${where}`}`;
  const fail = (code: 'STORE_FAILED' | 'STORE_DENIED' | 'CONFIG_INVALID', reason: string, hint: string): AppError =>
    new AppError(code, `${what}: ${reason}`, { cause: error, hint });

  const tls = tlsReason(failure);
  if (tls !== undefined) {
    return fail(
      'CONFIG_INVALID',
      `its certificate is not accepted (${tls})`,
      'With a private authority, name its PEM file as "ca" of this store. The check cannot be turned off.',
    );
  }
  switch (failure.name) {
    case 'NoSuchBucket':
      return fail('CONFIG_INVALID', `there is no bucket ${bucket}`, 'Make it, or correct the URL of the store.');
    case 'AccessDenied':
    case 'AllAccessDisabled':
    case 'Forbidden':
      return fail(
        'STORE_DENIED',
        `these credentials lack the right ${right}`,
        `Grant ${right} on ${resourceOf(right, bucket)}, or use other credentials.`,
      );
    case 'InvalidAccessKeyId':
      return fail(
        'STORE_DENIED',
        'the access key is not known there',
        'Is it the key for this endpoint, and not removed meanwhile?',
      );
    case 'SignatureDoesNotMatch':
      return fail(
        'STORE_DENIED',
        'the signature does not match',
        'Most often the secret key is wrong; else a proxy changes the request, or the region is another one: gabarit store doctor tells which.',
      );
    case 'ExpiredToken':
    case 'ExpiredTokenException':
    case 'InvalidToken':
    case 'TokenRefreshRequired':
      return fail(
        'STORE_DENIED',
        'the session token is not valid any more',
        'Get new credentials, and repeat: what is there already is not sent again.',
      );
    case 'RequestTimeTooSkewed':
    case 'RequestExpired':
      return fail(
        'STORE_FAILED',
        'the clocks of this host and of the endpoint differ too much',
        'Set the clock of this host (timedatectl status).',
      );
    case 'AuthorizationHeaderMalformed':
    case 'PermanentRedirect':
    case 'IllegalLocationConstraintException':
      return fail(
        'CONFIG_INVALID',
        `the bucket is not in the region ${region} (${failure.message})`,
        'Set "region" of this store.',
      );
    case 'NotImplemented':
    case 'MissingContentLength':
      return fail(
        'STORE_FAILED',
        `the endpoint does not know this way of asking (${failure.name}: ${failure.message})`,
        'gabarit store doctor finds the settings that work.',
      );
    case 'EntityTooLarge':
      return fail('STORE_FAILED', 'it is too large for this endpoint', 'Ask who runs it for its limit.');
    case 'QuotaExceeded':
    case 'XMinioStorageFull':
      return fail('STORE_FAILED', 'there is no room left', 'Remove what is not needed any more, or raise the quota.');
  }
  if (failure.status === undefined && failure.errno === 'ENOTFOUND') {
    const hint = isAws
      ? 'Is this host connected, and the region right?'
      : 'Is the name right, and this host connected? With "addressing: virtual-host" the name of the bucket is part of it.';
    return fail('STORE_FAILED', 'its name cannot be resolved', hint);
  }
  if (failure.status === undefined && (failure.errno !== undefined || failure.name === 'TimeoutError')) {
    return fail(
      'STORE_FAILED',
      `it does not answer (${failure.errno ?? failure.message})`,
      'Is it running, and reachable from here? What is there already is not sent again.',
    );
  }
  if (failure.status === 401 || failure.status === 403) {
    return fail(
      'STORE_DENIED',
      `it is refused (${failure.name})`,
      `It takes the right ${right}; gabarit store doctor tells more.`,
    );
  }
  return toAppError(
    error,
    'STORE_FAILED',
    failure.status === undefined ? what : `${what} (HTTP ${failure.status} ${failure.name})`,
  );
}

function resourceOf(right: string, bucket: string): string {
  return /List.*Bucket|ListBucket/.test(right) ? `arn:aws:s3:::${bucket}` : `arn:aws:s3:::${bucket}/*`;
}

function tlsReason({ errno, message }: Failure): string | undefined {
  const reasons: Record<string, string> = {
    CERT_HAS_EXPIRED: 'it has expired',
    CERT_NOT_YET_VALID: 'it is not valid yet',
    DEPTH_ZERO_SELF_SIGNED_CERT: 'it is signed by itself',
    SELF_SIGNED_CERT_IN_CHAIN: 'its authority is not known here',
    UNABLE_TO_GET_ISSUER_CERT: 'its authority is not known here',
    UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'its authority is not known here',
    UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'its authority is not known here',
    ERR_TLS_CERT_ALTNAME_INVALID: 'it is for another name',
  };
  if (errno === undefined) return undefined;
  if (errno === 'EPROTO' || errno.startsWith('ERR_SSL')) return `no TLS is spoken there: ${message.split(':').at(-2) ?? message}`;
  return reasons[errno];
}
