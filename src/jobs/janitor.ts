import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Database } from './database.ts';
import { jobFolder } from './job-log.ts';
import { sweepProcesses } from './job-process.ts';

const dayMs = 24 * 3600 * 1000;

export interface Upkeep {
  db: Database;
  stateDir: string;
  /** Jobs that ended longer ago are forgotten. */
  keepDays?: number;
}

/** Removes what nobody needs any more: processes of attempts that are over, jobs that ended long ago, logs of jobs that are forgotten. */
export async function cleanUp({ db, stateDir, keepDays = 180 }: Upkeep): Promise<void> {
  await sweepProcesses(stateDir);
  await db.query(`DELETE FROM jobs WHERE state IN ('done', 'failed', 'cancelled') AND finished < now() - $1 * interval '1 day'`, [
    keepDays,
  ]);
  const folders = await readdir(join(stateDir, 'jobs')).catch(() => [] as string[]);
  const known = await db.query<{ id: string }>('SELECT id FROM jobs WHERE id = ANY ($1::text[])', [folders]);
  const ids = new Set(known.map(({ id }) => id));
  for (const folder of folders) {
    const path = jobFolder(stateDir, folder);
    const age = Date.now() - ((await stat(path).catch(() => undefined))?.mtimeMs ?? Date.now());
    if (!ids.has(folder) && age > dayMs) await rm(path, { recursive: true, force: true });
  }
}
