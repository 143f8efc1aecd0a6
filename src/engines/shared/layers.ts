import { mkdir, readFile, rename, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { mustRedo, type StepContext } from '../../model/step.ts';
import type { Digest } from '../../util/digest.ts';
import { shortDigest } from '../../util/digest.ts';
import { errnoOf } from '../../util/errors.ts';
import { syncFolder, writeJson } from '../../util/files.ts';
import { lockFile } from '../../util/lock-file.ts';

/**
 * Finds a layer by its digest in the cache, or makes it. It is made in the run's folder and renamed when it is whole; two builds
 * that need the same layer wait for each other. `facts` is what later steps must know of it (JSON). `remove` is for layers with files
 * that are not ours.
 */
export async function ensureLayer<T>(
  kind: 'base' | 'disk',
  digest: Digest,
  make: (folder: string) => Promise<T>,
  ctx: StepContext,
  remove: (paths: string[], ctx: StepContext) => Promise<void> = removeAll,
): Promise<{ folder: string; facts: T; reused: boolean }> {
  const root = join(ctx.cacheDir, 'layers', kind);
  const folder = join(root, shortDigest(digest));
  await mkdir(root, { recursive: true });
  const found = async (): Promise<{ folder: string; facts: T; reused: boolean } | undefined> => {
    const facts = await readFacts<T>(folder);
    return facts === undefined ? undefined : { folder, facts, reused: true };
  };
  const asked = Date.now();
  const isForced = mustRedo(ctx, kind === 'base' ? 'base' : 'provision');
  const ready = isForced ? undefined : await found();
  if (ready) return ready;
  const lock = await lockFile(`${folder}.lock`, {
    signal: ctx.signal,
    onWait: () =>
      ctx.emit({ type: 'log', level: 'info', message: `Waiting for another build that makes the same ${kind} layer` }),
  });
  try {
    const meanwhile = await found();
    if (meanwhile && (!isForced || (await stat(join(folder, 'layer.json'))).mtimeMs > asked)) return meanwhile;
    // In the run's own folder, which is swept when we are killed.
    const part = join(ctx.workdir, `${kind}-layer`);
    const before = join(ctx.workdir, `${kind}-layer-before`);
    await remove([part, before], ctx);
    await mkdir(part);
    try {
      const facts = await make(part);
      await writeJson(join(part, 'layer.json'), facts);
      // The one before stays until this one is whole, and goes with the run: another build may be reading it.
      await renameIfThere(folder, before);
      await rename(part, folder);
      await syncFolder(root);
      return { folder, facts, reused: false };
    } catch (error) {
      await remove([part], { ...ctx, signal: new AbortController().signal });
      throw error;
    }
  } finally {
    await lock?.release();
  }
}

async function renameIfThere(from: string, to: string): Promise<void> {
  try {
    await rename(from, to);
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
  }
}

async function readFacts<T>(folder: string): Promise<T | undefined> {
  try {
    const facts = JSON.parse(await readFile(join(folder, 'layer.json'), 'utf8')) as T;
    const now = new Date();
    await utimes(folder, now, now); // When it was last of use, for the pruning of the cache.
    return facts;
  } catch {
    return undefined; // Not there, or not whole: it is made again.
  }
}

async function removeAll(paths: string[]): Promise<void> {
  for (const path of paths) await rm(path, { recursive: true, force: true });
}
