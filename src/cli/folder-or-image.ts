import { existsSync } from 'node:fs';

/** What lies here, or could not be the name of an image, is a folder. */
export function isFolder(what: string, store: string | undefined): boolean {
  return /[/\\]/.test(what) || what.startsWith('.') || (!what.includes('@') && (store === undefined || existsSync(what)));
}
