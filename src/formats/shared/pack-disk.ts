import { type FileHandle, mkdir, open } from 'node:fs/promises';
import type { Built } from '../../model/engine.ts';
import { Scope } from '../../util/scope.ts';
import { blocksOf, dataExtents, extentsIn } from '../../disk/extents.ts';
import { packWindows } from './pack-pool.ts';
import { type ClusterCodec, type PackedWindow, windowSize } from './packed-window.ts';
import { openStoredWindows, storedKey, storedPath, StoredWindowsWriter } from './stored-windows.ts';

export interface PackedDiskWindow {
  window: number;
  packed: PackedWindow;
  /** Bytes read, this window included, and how many there are to read. */
  done: number;
  total: number;
}

/**
 * All windows of a disk that may have data, compressed, in order; windows left out are zero.
 * With a base, what is equal to it is taken from the base's packed form in `base.folder`; where it is known what may differ, nothing
 * else of the disk is even read. Where that form is missing it is made on the way: clusters that both disks share are compressed once.
 * Reuse changes how long it takes, never the bytes.
 */
export async function* packDisk(
  { disk, base }: Pick<Built, 'disk' | 'base'>,
  codec: ClusterCodec,
  signal: AbortSignal,
): AsyncGenerator<PackedDiskWindow, void, undefined> {
  await using scope = new Scope();
  const diskFile = await openIn(scope, disk);
  const extents = base?.changes ? [...base.changes] : await dataExtents(disk, signal);
  const reuse = base && (await openBase(scope, base, codec));
  if (base && (base.changes || reuse?.keeper)) extents.push(...(await dataExtents(base.disk, signal)));

  const tasks = blocksOf(extents, windowSize).map((window) => ({
    window,
    stored: reuse?.stored?.windows.get(window),
    changes: base?.changes && extentsIn(base.changes, window * windowSize, windowSize),
  }));
  const request = {
    codec,
    diskFd: diskFile.fd,
    baseFd: reuse?.file.fd,
    storedFd: reuse?.stored?.fd,
    keepBase: reuse?.keeper !== undefined,
  };
  const total = tasks.length * windowSize;
  let done = 0;
  for await (const result of packWindows(request, tasks, signal)) {
    signal.throwIfAborted();
    if (result.base) await reuse?.keeper?.add(result.window, result.base);
    done += windowSize;
    yield { window: result.window, packed: result.packed, done, total };
  }
  if (reuse) await reuse.keeper?.finish(reuse.key);
}

/** The base disk with its packed form, or with the writer that makes it. */
async function openBase(scope: Scope, base: NonNullable<Built['base']>, codec: ClusterCodec) {
  const file = await openIn(scope, base.disk);
  const key = await storedKey(base.disk, codec);
  const path = storedPath(base.folder, codec);
  const stored = await openStoredWindows(path, key);
  if (stored) {
    scope.defer(() => stored.close());
    return { file, key, stored };
  }
  await mkdir(base.folder, { recursive: true });
  const keeper = await StoredWindowsWriter.create(path);
  scope.defer(() => keeper.close());
  return { file, key, keeper };
}

async function openIn(scope: Scope, path: string): Promise<FileHandle> {
  const file = await open(path, 'r');
  scope.defer(() => file.close());
  return file;
}
