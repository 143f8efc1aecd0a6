import { errnoOf } from '../../util/errors.ts';

/** What of an error of the SDK says what went wrong. */
export interface Failure {
  /** `NoSuchKey`, as the endpoint or the SDK names it. */
  name: string;
  /** HTTP; undefined when there was no answer. */
  status: number | undefined;
  message: string;
  /** The errno name of a broken connection. */
  errno: string | undefined;
  clockCorrected: boolean;
}

export function failureOf(error: unknown): Failure {
  const thrown = error as { name?: string; Code?: string; message?: string; $metadata?: Record<string, unknown>; code?: unknown };
  const status = thrown.$metadata?.['httpStatusCode'];
  const errno = errnoOf(error) ?? errnoOf((error as Error | undefined)?.cause) ?? firstErrno(error);
  return {
    name: thrown.Code ?? thrown.name ?? 'Error',
    status: typeof status === 'number' ? status : undefined,
    message: thrown.message ?? String(error),
    errno,
    clockCorrected: thrown.$metadata?.['clockSkewCorrected'] === true,
  };
}

/** Several addresses of a host are tried at once; they fail together. */
function firstErrno(error: unknown): string | undefined {
  return error instanceof AggregateError ? error.errors.map(errnoOf).find((errno) => errno !== undefined) : undefined;
}

const brokenConnections = new Set([
  'EAI_AGAIN',
  'ECONNABORTED',
  'ECONNREFUSED',
  'ECONNRESET',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EPIPE',
  'ERR_STREAM_PREMATURE_CLOSE',
  'ETIMEDOUT',
  'HPE_INVALID_CONSTANT',
]);

const passing = new Set([
  'BadDigest',
  'ConditionalRequestConflict',
  'InternalError',
  'OperationAborted',
  'RequestTimeout',
  'ServiceUnavailable',
  'SlowDown',
  'Throttling',
  'ThrottlingException',
  'TimeoutError',
  'TooManyRequestsException',
  'XAmzContentSHA256Mismatch',
]);

/** Whether the same request may work a little later. */
export function isTransient({ name, status, errno, message }: Failure): boolean {
  if (errno !== undefined && brokenConnections.has(errno)) return true;
  if (passing.has(name)) return true;
  if (status !== undefined) return (status >= 500 && status !== 501) || status === 429 || status === 408;
  return /socket hang up|aborted|Deserialization error|premature close/i.test(message);
}

/** Whether other credentials, or the same ones after a renewal, may help. */
export function isAboutCredentials({ name }: Failure): boolean {
  return /^(ExpiredToken|ExpiredTokenException|InvalidAccessKeyId|InvalidToken|SignatureDoesNotMatch|TokenRefreshRequired)$/.test(
    name,
  );
}
