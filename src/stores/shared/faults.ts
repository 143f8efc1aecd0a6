import { AppError } from '../../util/errors.ts';

/** The errors that all stores have in common, in the same words. */

export function notFound(url: string, key: string, cause?: unknown): AppError {
  return new AppError('NOT_FOUND', `There is no ${key} in ${url}`, { cause });
}

export function alreadyThere(url: string, key: string): AppError {
  return new AppError('CONFLICT', `${key} is already in ${url}`);
}

export function hasChanged(url: string, key: string): AppError {
  return new AppError('CONFLICT', `${key} in ${url} has changed in the meantime`, { hint: 'Read it again, and repeat.' });
}
