import { createReadStream } from 'node:fs';
import { link, lstat, mkdir, open, opendir, rename, rm, rmdir, utimes } from 'node:fs/promises';
import type { BigIntStats } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import type {
  ConditionalWrites,
  ObjectInfo,
  PutOptions,
  PutSource,
  Store,
  StorePlugin,
  TransferOptions,
} from '../model/store.ts';
import { AppError, errnoOf, toAppError } from '../util/errors.ts';
import { syncFolder } from '../util/files.ts';
import { sweepParts, syncPart, writePart } from './file/parts.ts';
import { withReplaceLock } from './file/replace-lock.ts';
import { ignoreAbsent, safePath } from './file/safe-path.ts';
import { alreadyThere, hasChanged, notFound } from './shared/faults.ts';
import { downloadWhole } from './shared/download-whole.ts';
import { checkPrefix, isKey } from './shared/keys.ts';
import { verifiedSource } from './shared/verified-body.ts';

/** A folder as a store: `file:/srv/templates`, `file:///srv/templates`, or a path. */
export const file: StorePlugin = {
  id: 'file',
  accepts: (url) => url.startsWith('file:') || !/^[a-z][a-z0-9+.-]+:/i.test(url),
  open: (url) => openFileStore(url),
};

/** @throws AppError USAGE when a file URL names a host or is not one. */
export function openFileStore(url: string): Store {
  const root = folderOf(url);
  const name = `file:${root}`;
  let swept = false;

  async function put(key: string, source: PutSource, options: PutOptions): Promise<ObjectInfo> {
    try {
      const path = await safePath(root, key);
      const before = await infoAt(root, path);
      refuseUnlessAsAsked(key, before, options);
      await makeFolder(root);
      if (!swept) await sweepParts(root);
      swept = true;
      const part = await writePart(root, verifiedSource(key, source, options));
      try {
        if (options.ifAbsent) await publishNew(key, part, path);
        else await withReplaceLock(root, options.signal, () => replace(key, part, path, options));
        await syncFolder(dirname(path));
        const info = await infoAt(root, path);
        if (!info) throw hasChanged(name, key);
        return info;
      } finally {
        await rm(part, { force: true });
      }
    } catch (error) {
      throw toAppError(error, 'STORE_FAILED', `Cannot write ${key} to ${name}`);
    }
  }

  function refuseUnlessAsAsked(key: string, found: ObjectInfo | undefined, options: PutOptions): void {
    if (options.ifAbsent && found) throw alreadyThere(name, key);
    if (options.ifMatch !== undefined && found?.etag !== options.ifMatch) throw hasChanged(name, key);
  }

  /** link() makes the name only when it is not there yet, whoever else tries at the same time. */
  async function publishNew(key: string, part: string, path: string): Promise<void> {
    await syncPart(part);
    try {
      await inFolder(path, () => link(part, path));
    } catch (error) {
      throw errnoOf(error) === 'EEXIST' ? alreadyThere(name, key) : error;
    }
  }

  async function replace(key: string, part: string, path: string, options: PutOptions): Promise<void> {
    const found = await lstat(path).catch(ignoreAbsent);
    refuseUnlessAsAsked(key, await infoAt(root, path), options);
    // The tag is made of the time: each version of an object must be younger than the one before it, also within one tick of the clock.
    const seconds = Math.max(Date.now(), (found?.mtimeMs ?? 0) + 1) / 1000;
    await utimes(part, seconds, seconds);
    await syncPart(part);
    await inFolder(path, () => rename(part, path));
  }

  async function get(key: string, signal?: AbortSignal): Promise<Readable> {
    try {
      const path = await safePath(root, key);
      const handle = await open(path, 'r');
      return createReadStream(path, { fd: handle, highWaterMark: 1 << 20, ...(signal ? { signal } : {}) });
    } catch (error) {
      if (ignorable(error)) throw notFound(name, key, error);
      throw toAppError(error, 'STORE_FAILED', `Cannot read ${key} of ${name}`);
    }
  }

  async function download(key: string, path: string, options: TransferOptions): Promise<void> {
    await downloadWhole(key, await get(key, options.signal), path, options);
  }

  async function head(key: string): Promise<ObjectInfo | undefined> {
    try {
      return await infoAt(root, await safePath(root, key));
    } catch (error) {
      throw toAppError(error, 'STORE_FAILED', `Cannot look at ${key} of ${name}`);
    }
  }

  async function* list(prefix: string): AsyncGenerator<ObjectInfo> {
    checkPrefix(prefix);
    try {
      if (!(await lstat(root).catch(ignoreAbsent))) throw new AppError('NOT_FOUND', `There is no folder ${root}`);
      yield* below(root, prefix.includes('/') ? prefix.slice(0, prefix.lastIndexOf('/')) : '', prefix);
    } catch (error) {
      throw toAppError(error, 'STORE_FAILED', `Cannot list ${name}`);
    }
  }

  async function remove(key: string): Promise<void> {
    try {
      const path = await safePath(root, key);
      if (!(await infoAt(root, path))) return;
      await withReplaceLock(root, undefined, () => rm(path, { force: true }));
      await removeEmptyFolders(root, dirname(path));
    } catch (error) {
      throw toAppError(error, 'STORE_FAILED', `Cannot delete ${key} of ${name}`);
    }
  }

  const conditionalWrites = async (): Promise<ConditionalWrites> => ({ ifAbsent: true, ifMatch: true });
  return { id: 'file', url: name, put, get, download, head, list, delete: remove, conditionalWrites };
}

function folderOf(url: string): string {
  try {
    if (url.startsWith('file://')) return fileURLToPath(url);
  } catch (cause) {
    throw new AppError('USAGE', `"${url}" is not the URL of a folder`, { cause, hint: 'Write for example file:/srv/templates' });
  }
  return resolve(url.startsWith('file:') ? url.slice('file:'.length) : url);
}

function ignorable(error: unknown): boolean {
  return ['ENOENT', 'ENOTDIR'].includes(errnoOf(error) ?? '');
}

async function infoAt(root: string, path: string): Promise<ObjectInfo | undefined> {
  const found = await lstat(path, { bigint: true }).catch(ignoreAbsent);
  return found && { key: relative(root, path), size: Number(found.size), etag: tagOf(found), modified: found.mtime };
}

function tagOf(found: BigIntStats): string {
  return [found.mtimeNs, found.ino, found.size].map((number) => number.toString(36)).join('-');
}

/** Makes a folder and flushes the names of all that were made. */
async function makeFolder(path: string): Promise<void> {
  const first = await mkdir(path, { recursive: true });
  if (first === undefined) return;
  for (let folder = path; folder.length >= first.length; folder = dirname(folder)) await syncFolder(dirname(folder));
}

/** Gives a file its name in a folder that is made when needed, and made again when somebody removed it as empty just then. */
async function inFolder(path: string, act: () => Promise<void>, attempts = 5): Promise<void> {
  await makeFolder(dirname(path));
  try {
    await act();
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT' || attempts === 1) throw error;
    await inFolder(path, act, attempts - 1);
  }
}

async function removeEmptyFolders(root: string, path: string): Promise<void> {
  for (let folder = path; folder.length > root.length; folder = dirname(folder)) {
    try {
      await rmdir(folder);
    } catch {
      return; // Not empty, or not ours to remove: it stays.
    }
  }
}

/** All plain files in a folder whose key begins with the prefix, depth first; symlinks and names that are no keys are no objects. */
async function* below(root: string, folder: string, prefix: string): AsyncGenerator<ObjectInfo> {
  const entries = await opendir(join(root, folder)).catch(ignoreAbsent);
  for await (const entry of entries ?? []) {
    const key = folder === '' ? entry.name : `${folder}/${entry.name}`;
    if (!isKey(key)) continue;
    if (entry.isDirectory() && (`${key}/`.startsWith(prefix) || prefix.startsWith(`${key}/`))) yield* below(root, key, prefix);
    if (entry.isFile() && key.startsWith(prefix)) {
      const info = await infoAt(root, join(root, key));
      if (info) yield info;
    }
  }
}
