import { mkdir, readFile, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { mustRedo, type StepContext } from '../model/step.ts';
import { type Digest, digestOfJson, shortDigest } from '../util/digest.ts';
import { writeJson } from '../util/files.ts';

/** A part of a run. Input and output are JSON; `files` lists what the output stands for on the disk. */
export interface Step<I, O> {
  id: string;
  title: string;
  /** Raised when the same input gives another output. */
  revision: number;
  run(input: I, ctx: StepContext, folder: string): Promise<O>;
  /** Files of an output that must still be as they were for it to be used again. */
  files(output: O): string[];
}

interface LedgerEntry<O> {
  output: O;
  files: { path: string; size: number; mtimeMs: number }[];
}

/** Where a step may keep files for the digest of its input. */
function folderOf(ctx: StepContext, key: Digest): string {
  return join(ctx.cacheDir, 'steps', shortDigest(key));
}

/**
 * Carries a step out, or finds its earlier output by the digest of (step, revision, input) when the files of that output are still
 * there unchanged. This is what makes a rebuild fast, and a build that was killed go on where it was.
 */
export async function runStep<I, O>(
  step: Step<I, O>,
  input: I,
  ctx: StepContext,
): Promise<{ output: O; reused: boolean; durationMs: number }> {
  const started = performance.now();
  const key = digestOfJson([step.id, step.revision, input]);
  const folder = folderOf(ctx, key);
  ctx.emit({ type: 'step.started', step: step.id, title: step.title });
  try {
    const known = mustRedo(ctx, step.id) ? undefined : await recall<O>(folder);
    const output = known ?? (await perform(step, input, ctx, folder));
    const durationMs = performance.now() - started;
    ctx.emit({ type: 'step.finished', step: step.id, durationMs, reused: known !== undefined });
    return { output, reused: known !== undefined, durationMs };
  } catch (error) {
    ctx.emit({
      type: 'step.failed',
      step: step.id,
      durationMs: performance.now() - started,
      message: error instanceof Error ? error.message : String(error),
    });
    throw error;
  }
}

async function perform<I, O>(step: Step<I, O>, input: I, ctx: StepContext, folder: string): Promise<O> {
  ctx.signal.throwIfAborted();
  await mkdir(folder, { recursive: true });
  const output = await step.run(input, ctx, folder);
  const files = await Promise.all(
    step.files(output).map(async (path) => {
      const { size, mtimeMs } = await stat(path);
      return { path, size, mtimeMs };
    }),
  );
  const entry: LedgerEntry<O> = { output, files };
  await writeJson(join(folder, 'step.json'), entry);
  return output;
}

async function recall<O>(folder: string): Promise<O | undefined> {
  try {
    const entry = JSON.parse(await readFile(join(folder, 'step.json'), 'utf8')) as LedgerEntry<O>;
    for (const file of entry.files) {
      const { size, mtimeMs } = await stat(file.path);
      if (size !== file.size || mtimeMs !== file.mtimeMs) return undefined;
    }
    const now = new Date();
    await utimes(folder, now, now); // When it was last of use, for the pruning of the cache.
    return entry.output;
  } catch {
    return undefined; // Not done yet, or its files are gone.
  }
}
