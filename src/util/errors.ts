/**
 * The one error class, and the one table of everything that can go wrong in a known way.
 * An error of any other class that reaches the top is a bug in Gabarit.
 */

/** What each code means to the caller: the process exit code, the HTTP status, and whether the same call may work later. */
export const errorTable = {
  USAGE: { exit: 2, http: 400, retry: false },
  CONFIG_INVALID: { exit: 2, http: 400, retry: false },
  TEMPLATE_INVALID: { exit: 3, http: 422, retry: false },
  TEMPLATE_NOT_FOUND: { exit: 3, http: 404, retry: false },
  PLAN_INVALID: { exit: 3, http: 422, retry: false },
  PACKAGE_NOT_FOUND: { exit: 3, http: 422, retry: false },
  HOST_NOT_READY: { exit: 4, http: 503, retry: false },
  TOOL_MISSING: { exit: 4, http: 503, retry: false },
  DISK_FULL: { exit: 4, http: 507, retry: false },
  MIRROR_UNREACHABLE: { exit: 5, http: 502, retry: true },
  SIGNATURE_INVALID: { exit: 5, http: 502, retry: false },
  NOT_TRUSTED: { exit: 5, http: 502, retry: false },
  CATALOG_EXPIRED: { exit: 5, http: 502, retry: true },
  CATALOG_ROLLED_BACK: { exit: 5, http: 502, retry: false },
  DIGEST_MISMATCH: { exit: 5, http: 502, retry: true },
  TLS_UNTRUSTED: { exit: 5, http: 502, retry: false },
  BUILD_FAILED: { exit: 1, http: 500, retry: false },
  SCRIPT_FAILED: { exit: 1, http: 422, retry: false },
  COMMAND_FAILED: { exit: 1, http: 500, retry: false },
  IMAGE_INVALID: { exit: 6, http: 422, retry: false },
  CHECK_FAILED: { exit: 6, http: 422, retry: false },
  BOOT_FAILED: { exit: 6, http: 422, retry: false },
  NOT_REPRODUCIBLE: { exit: 6, http: 422, retry: false },
  NOT_FOUND: { exit: 7, http: 404, retry: false },
  CONFLICT: { exit: 7, http: 409, retry: true },
  REVOKED: { exit: 7, http: 410, retry: false },
  SUPPORT_ENDED: { exit: 7, http: 410, retry: false },
  STORE_FAILED: { exit: 7, http: 502, retry: true },
  STORE_DENIED: { exit: 7, http: 403, retry: false },
  TARGET_UNREACHABLE: { exit: 7, http: 502, retry: true },
  TARGET_DENIED: { exit: 7, http: 403, retry: false },
  TARGET_FULL: { exit: 7, http: 507, retry: false },
  TARGET_FAILED: { exit: 7, http: 502, retry: false },
  DATABASE_FAILED: { exit: 4, http: 503, retry: true },
  DATABASE_IN_USE: { exit: 4, http: 503, retry: true },
  DATABASE_TOO_NEW: { exit: 4, http: 503, retry: false },
  FENCED: { exit: 7, http: 409, retry: false },
  WORKER_LOST: { exit: 1, http: 500, retry: false },
  NOT_LOGGED_IN: { exit: 7, http: 401, retry: false },
  FORBIDDEN: { exit: 7, http: 403, retry: false },
  RATE_LIMITED: { exit: 7, http: 429, retry: true },
  TOO_LARGE: { exit: 7, http: 413, retry: false },
  AUDIT_BROKEN: { exit: 7, http: 500, retry: false },
  TIMEOUT: { exit: 8, http: 504, retry: true },
  CANCELLED: { exit: 130, http: 499, retry: false },
} as const satisfies Record<string, { exit: number; http: number; retry: boolean }>;

export type ErrorCode = keyof typeof errorTable;

/** One fault with its place, for errors that report several faults together. `line` and `column` count from 1. */
export interface Fault {
  message: string;
  file?: string;
  line?: number;
  column?: number;
  hint?: string;
}

export interface AppErrorOptions {
  cause?: unknown;
  /** What the person can do about it, as a sentence. */
  hint?: string;
  /** The single faults, when there are several. */
  faults?: Fault[];
  /** More to know, already free of secrets: the last lines of a log, a path that was kept. */
  details?: Record<string, unknown>;
}

/** A failure with a known code. The message says what failed on what; the hint says what to do. */
export class AppError extends Error {
  readonly code: ErrorCode;
  readonly hint: string | undefined;
  readonly faults: Fault[];
  readonly details: Record<string, unknown>;

  constructor(code: ErrorCode, message: string, options: AppErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'AppError';
    this.code = code;
    this.hint = options.hint;
    this.faults = options.faults ?? [];
    this.details = options.details ?? {};
  }
}

/** Whether `error` is what an aborted signal throws, ours or Node's. */
export function isCancellation(error: unknown): boolean {
  if (error instanceof AppError) return error.code === 'CANCELLED';
  return error instanceof Error && (error.name === 'AbortError' || ('code' in error && error.code === 'ABORT_ERR'));
}

/** The errno name of a system error (`ENOENT`), or undefined. */
export function errnoOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

/** Wraps whatever was thrown into an AppError, keeping AppErrors and turning a full disk into DISK_FULL. */
export function toAppError(error: unknown, code: ErrorCode, message: string): AppError {
  if (error instanceof AppError) return error;
  if (isCancellation(error)) return new AppError('CANCELLED', 'Cancelled', { cause: error });
  if (errnoOf(error) === 'ENOSPC') {
    return new AppError('DISK_FULL', `No space left on the disk: ${message}`, {
      cause: error,
      hint: 'Free some space (gabarit cache prune), or point GABARIT_CACHE to a larger disk.',
    });
  }
  const reason = error instanceof Error ? error.message : String(error);
  return new AppError(code, `${message}: ${reason}`, { cause: error });
}
