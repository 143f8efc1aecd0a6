import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { randomBytes } from 'node:crypto';
import type { StepContext } from '../model/step.ts';
import { lockFile } from '../util/lock-file.ts';
import type { Scope } from '../util/scope.ts';

/** Removes folders that may hold files of other users; an engine's way of doing so. */
export type RemoveTrees = (paths: string[], ctx: StepContext) => Promise<void>;

/** A work folder that belongs to one run, as long as its lock is held. */
export async function openRun(cacheDir: string, name: string, scope: Scope): Promise<{ workdir: string }> {
  const id = `${name}-${randomBytes(4).toString('hex')}`;
  const workdir = join(cacheDir, 'runs', id);
  const lock = await lockFile(`${workdir}.lock`);
  scope.defer(() => rm(`${workdir}.lock`, { force: true }));
  scope.defer(() => lock?.release());
  await mkdir(workdir, { recursive: true });
  return { workdir };
}

/** Removes what runs left that did not end by themselves: their lock is free, but their folder is there. */
export async function sweepRuns(ctx: StepContext, removeTrees: RemoveTrees): Promise<string[]> {
  const root = join(ctx.cacheDir, 'runs');
  const names = await readdir(root).catch(() => [] as string[]);
  const swept: string[] = [];
  for (const name of names.filter((candidate) => candidate.endsWith('.lock'))) {
    await using lock = await lockFile(join(root, name), { tryOnly: true });
    if (lock === undefined) continue;
    const folder = name.slice(0, -'.lock'.length);
    await removeTrees([join(root, folder)], ctx);
    await rm(join(root, name), { force: true });
    swept.push(folder);
  }
  return swept;
}
