import { createHash, randomBytes } from 'node:crypto';

/** Session ids, tokens and the like: 256 random bits behind a prefix that scanners for secrets know. Only their hash is kept. */

export const tokenPrefix = 'gbt_';
export const tokenPattern = /\bgbt_[A-Za-z0-9_-]{43}\b/;

export function newSecret(prefix = ''): string {
  return prefix + randomBytes(32).toString('base64url');
}

export function newId(): string {
  return randomBytes(9).toString('base64url').replace(/^[-_]/, 'x');
}

/** A random secret needs no slow hash. */
export function hashSecret(secret: string): string {
  return createHash('sha256').update(secret).digest('hex');
}
