import type { Problem } from '../../model/api/contract-type.ts';
import { AppError, errorTable, isCancellation } from '../../util/errors.ts';
import { redactDeep } from '../../util/redact.ts';

/** An error as the client sees it: our table of errors as problem+json (RFC 9457). A bug shows nothing of the inside but the id of the request. */
export function problemOf(error: unknown, instance: string): Problem {
  const known = knownError(error);
  if (!known) {
    return {
      type: 'about:blank',
      title: 'Internal error',
      status: 500,
      detail: 'This is a bug in Gabarit; the log of the server says more',
      code: 'BUG',
      retry: false,
      instance,
    };
  }
  const { code, message, hint, faults, details } = known;
  const { http, retry } = errorTable[code];
  return redactDeep({
    type: 'about:blank',
    title: titleOf(code),
    status: typeof details['status'] === 'number' ? details['status'] : http,
    detail: message,
    code,
    ...(hint === undefined ? {} : { hint }),
    ...(faults.length === 0 ? {} : { faults }),
    retry,
    instance,
  });
}

/** `TEMPLATE_NOT_FOUND`: `Template not found`. */
function titleOf(code: string): string {
  const words = code.toLowerCase().replaceAll('_', ' ');
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** What the client did wrong, or what is known to go wrong here; undefined for a bug. */
export function knownError(error: unknown): AppError | undefined {
  if (error instanceof AppError) return error;
  if (isCancellation(error)) return new AppError('CANCELLED', 'Cancelled');
  // The errors of the HTTP server itself carry their status.
  const { statusCode, message } = error as { statusCode?: unknown; message?: string };
  if (typeof statusCode !== 'number' || statusCode < 400 || statusCode > 499) return undefined;
  const codes: Record<number, 'NOT_FOUND' | 'TOO_LARGE'> = { 404: 'NOT_FOUND', 413: 'TOO_LARGE' };
  return new AppError(codes[statusCode] ?? 'USAGE', message ?? 'The request is not right', { details: { status: statusCode } });
}
