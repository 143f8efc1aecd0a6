import { AppError } from '../../util/errors.ts';

/** The error for a file that is not what it says, or that we do not read. */
export function invalidOva(path: string, why: string, cause?: unknown): AppError {
  return new AppError('IMAGE_INVALID', `${path} is not a usable OVA: ${why}`, { cause });
}
