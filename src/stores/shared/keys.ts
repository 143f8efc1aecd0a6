import { AppError } from '../../util/errors.ts';

const segment = /^[A-Za-z0-9_-][A-Za-z0-9._-]*$/;

export function isKey(key: string): boolean {
  return key.length <= 1024 && key.split('/').every((part) => part.length <= 255 && segment.test(part));
}

/** Refuses a key that is not safe as a path, in every store alike. @throws AppError USAGE */
export function checkKey(key: string): void {
  if (!isKey(key)) {
    throw new AppError('USAGE', `"${key}" is not a key that a store accepts`, {
      hint: 'Keys are letters, digits, ".", "_", "-" and "/"; no part of them is empty, begins with a dot or is over 255 long.',
    });
  }
}

/** Refuses a prefix to list by: a key, optionally with "/" at its end, or nothing. @throws AppError USAGE */
export function checkPrefix(prefix: string): void {
  if (prefix !== '') checkKey(prefix.endsWith('/') ? prefix.slice(0, -1) : prefix);
}
