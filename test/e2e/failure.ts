import { AppError, type ErrorCode, errorTable, type Fault } from '../../src/util/errors.ts';

/** How something failed, as a person and a program see it. */
export interface Failure {
  code: ErrorCode;
  exit: number;
  message: string;
  hint: string;
  faults: Fault[];
  details: Record<string, unknown>;
}

/** Waits until `work` fails in a known way. @throws Error when it succeeds, or whatever it threw that is not an AppError */
export async function failureOf(work: Promise<unknown>): Promise<Failure> {
  const error = await work.then(
    () => new Error('it did not fail'),
    (reason: unknown) => reason,
  );
  if (!(error instanceof AppError)) throw error;
  const { code, message, hint = '', faults, details } = error;
  return { code, exit: errorTable[code].exit, message, hint, faults, details };
}
