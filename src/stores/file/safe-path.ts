import { lstat, realpath } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { AppError, errnoOf } from '../../util/errors.ts';
import { checkKey } from '../shared/keys.ts';

/**
 * Where a key lies below the folder. Refuses what a symlink leads out of it, and anything that is not a plain file.
 * @throws AppError USAGE, STORE_FAILED
 */
export async function safePath(root: string, key: string): Promise<string> {
  checkKey(key);
  const path = join(root, key);
  const realRoot = await realpath(root).catch(ignoreAbsent);
  if (realRoot === undefined) return path;
  const realFolder = await realpathOfExisting(dirname(path));
  if (realFolder !== realRoot && !realFolder.startsWith(join(realRoot, '/'))) {
    throw new AppError('STORE_FAILED', `${path} leads out of the store, to ${realFolder}`, {
      hint: 'Remove the symbolic link, or open the store at the place where its files really are.',
    });
  }
  const found = await lstat(path).catch(ignoreAbsent);
  if (found && !found.isFile()) throw new AppError('STORE_FAILED', `${path} is not a plain file: the store does not touch it`);
  return path;
}

/** The real path of the deepest folder on the way to `path` that exists. */
async function realpathOfExisting(path: string): Promise<string> {
  const real = await realpath(path).catch(ignoreAbsent);
  return real ?? realpathOfExisting(dirname(path));
}

/** For `.catch`: nothing there is an answer, all else is an error. */
export function ignoreAbsent(error: unknown): undefined {
  const errno = errnoOf(error);
  if (errno !== 'ENOENT' && errno !== 'ENOTDIR') throw error;
}
