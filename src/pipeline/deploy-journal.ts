import { randomBytes } from 'node:crypto';
import { mkdir, open, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { JournalEntry, KnownRuns, RunJournal } from '../model/target.ts';
import { syncFolder } from '../util/files.ts';
import { type HeldLock, lockFile } from '../util/lock-file.ts';
import type { Scope } from '../util/scope.ts';

/**
 * What runs make on targets is written down on this machine before it is made: a line of JSON each, in a file that only its owner
 * can read (it names sessions). A run lives as long as its lock is held; a file whose lock is free was left by one that was killed.
 */

const entrySchema = z.object({ kind: z.enum(['vm', 'disk', 'task', 'session', 'lease']), name: z.string() });

function folderOf(stateDir: string, target: string): string {
  return join(stateDir, 'deployments', target);
}

/** Begins a run on a target. At the end of the scope the journal goes, unless it is to be kept. */
export async function openJournal(stateDir: string, target: string, scope: Scope): Promise<RunJournal> {
  const folder = folderOf(stateDir, target);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const run = randomBytes(6).toString('hex');
  const path = join(folder, `${run}.jsonl`);
  // Not while a janitor looks: between its lock and its file, a run would seem to be dead.
  await using _ = await lockFile(join(folder, '.lock'));
  const lock = await lockFile(`${path}.lock`);
  let kept = false;
  scope.defer(async () => {
    if (!kept) await rm(path, { force: true });
    await lock?.release();
    if (!kept) await rm(`${path}.lock`, { force: true });
  });
  const file = await open(path, 'ax', 0o600);
  scope.defer(() => file.close());
  await syncFolder(folder);
  return {
    run,
    async record(entry) {
      await file.appendFile(`${JSON.stringify(entry)}\n`);
      await file.sync();
    },
    keep: () => {
      kept = true;
    },
  };
}

/** Runs of this machine on a target. The dead ones are held until they are forgotten or released, so that only one janitor is at them. */
export interface FoundRuns extends KnownRuns, AsyncDisposable {
  /** Everything that they left is gone. */
  forgetDead(): Promise<void>;
}

export async function findRuns(stateDir: string, target: string): Promise<FoundRuns> {
  const folder = folderOf(stateDir, target);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await using _ = await lockFile(join(folder, '.lock'));
  const names = await readdir(folder);
  const locks = new Map<string, HeldLock>();
  const dead = new Map<string, JournalEntry[]>();
  const alive = new Set<string>();
  for (const name of names.filter((candidate) => candidate.endsWith('.jsonl.lock'))) {
    const run = name.slice(0, -'.jsonl.lock'.length);
    const lock = await lockFile(join(folder, name), { tryOnly: true });
    if (lock === undefined) {
      alive.add(run);
      continue;
    }
    locks.set(run, lock);
    dead.set(run, await readEntries(join(folder, `${run}.jsonl`)));
  }
  const release = async (): Promise<void> => {
    for (const lock of locks.values()) await lock.release();
    locks.clear();
  };
  return {
    dead,
    alive,
    async forgetDead() {
      for (const run of locks.keys()) {
        await rm(join(folder, `${run}.jsonl`), { force: true });
        await rm(join(folder, `${run}.jsonl.lock`), { force: true });
      }
      await release();
    },
    [Symbol.asyncDispose]: release,
  };
}

/** The last line may be half-written: then what it announced was never made. */
async function readEntries(path: string): Promise<JournalEntry[]> {
  const text = await readFile(path, 'utf8').catch(() => '');
  return text.split('\n').flatMap((line) => {
    try {
      return [entrySchema.parse(JSON.parse(line))];
    } catch {
      return [];
    }
  });
}
