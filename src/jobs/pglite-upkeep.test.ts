import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { PGlite } from '@electric-sql/pglite';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { keepTidy } from './pglite-upkeep.ts';

let folder: string;
let lite: PGlite;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'upkeep-'));
  lite = await PGlite.create(folder);
});

afterAll(async () => {
  await lite.close();
  await rm(folder, { recursive: true });
});

/** What would have to be read again after a kill, in MiB. */
async function journalMiB(): Promise<number> {
  const sql = `SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), redo_lsn)::float8 / 1048576 AS n FROM pg_control_checkpoint()`;
  return (await lite.query<{ n: number }>(sql)).rows[0]?.n ?? 0;
}

async function tableMiB(): Promise<number> {
  return (await lite.query<{ n: number }>(`SELECT pg_table_size('many')::float8 / 1048576 AS n`)).rows[0]?.n ?? 0;
}

test('PGlite makes no checkpoint and no vacuum by itself; with upkeep its journal and what was deleted take no more room', async () => {
  await lite.exec('CREATE TABLE many AS SELECT n, md5(n::text) FROM generate_series(1, 50000) n');
  await lite.exec('DELETE FROM many');
  await sleep(300);
  expect(await journalMiB()).toBeGreaterThan(2);
  expect(await tableMiB()).toBeGreaterThan(2);
  const upkeep = keepTidy(lite, { checkpointMs: 50, vacuumMs: 50 });
  await sleep(500);
  await upkeep.stop();
  expect(await journalMiB()).toBeLessThan(1);
  expect(await tableMiB()).toBeLessThan(1);
});
