import { type ErrorCode, errorTable } from './error-table.ts';

/**
 * The one error class, and the one table of everything that can go wrong in a known way.
 * An error of any other class that reaches the top is a bug in Gabarit.
 */
export { type ErrorCode, errorTable };

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
