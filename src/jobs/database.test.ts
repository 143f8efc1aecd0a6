import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Postgres, startPostgres } from '../../test/postgres.ts';
import { needs, needsRoot } from '../../test/tools.ts';
import { backup, restore } from './backup.ts';
import { type Database, type DatabasePlace, openDatabase } from './database.ts';
import { migrate, readMigrations, statementsOf } from './migrate.ts';
import { openJobs } from './queue.ts';
import { openSchedules } from './schedules.ts';

let folder: string;
let postgres: Postgres | undefined;
let count = 0;
const hasPostgres = !needs('createdb', 'setpriv') && !needsRoot();

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'database-'));
  await withDatabase({ folder: join(folder, 'db-0') }, async () => undefined);
  if (hasPostgres) postgres = await startPostgres();
});

afterAll(async () => {
  await postgres?.stop();
  await rm(folder, { recursive: true, force: true });
});

async function freshPlace(kind: Database['kind']): Promise<DatabasePlace> {
  count += 1;
  if (kind === 'pglite') {
    // A first start takes seconds: it is made once.
    const place = { folder: join(folder, `db-${count}`) };
    await cp(join(folder, 'db-0'), place.folder, { recursive: true });
    return place;
  }
  if (!postgres) throw new Error('no PostgreSQL');
  return { url: await postgres.database(`db_${count}`) };
}

async function withDatabase(place: DatabasePlace, work: (db: Database) => Promise<void>): Promise<void> {
  const db = await openDatabase(place);
  try {
    await work(db);
  } finally {
    await db.close();
  }
}

describe.each(['pglite', ...(hasPostgres ? ['postgresql' as const] : [])] as const)('on %s', (kind) => {
  test('values come back as they went in; a failed transaction leaves nothing; notifications are heard', async () => {
    await withDatabase(await freshPlace(kind), async (db) => {
      const [row] = await db.query(
        `SELECT $1::jsonb AS json, $2::text[] AS list, '2026-11-25T10:00:00Z'::timestamptz AS time, 3::int AS n`,
        [JSON.stringify({ a: [1] }), ['x', 'y']],
      );
      expect(row).toEqual({ json: { a: [1] }, list: ['x', 'y'], time: new Date('2026-11-25T10:00:00Z'), n: 3 });
      const failing = db.transaction(async (tx) => {
        await tx.query(`INSERT INTO label_limits VALUES ('kvm', 1)`);
        await tx.query('SELECT no_such_column');
      });
      await expect(failing).rejects.toThrow(/no_such_column/);
      expect(await db.query('SELECT * FROM label_limits')).toEqual([]);
      const heard: string[] = [];
      const stop = await db.listen('gabarit_test', (payload) => heard.push(payload));
      await db.query(`SELECT pg_notify('gabarit_test', 'hello')`);
      for (let attempt = 0; heard.length === 0 && attempt < 50; attempt += 1) await sleep(20);
      expect(heard).toEqual(['hello']);
      await stop();
    });
  });

  test('tables of the first schema become those of the newest with their rows; tables of a newer Gabarit are refused', async () => {
    const place = await freshPlace(kind);
    await withDatabase(place, async (db) => {
      await db.transaction(async (tx) => {
        await tx.query('DROP SCHEMA public CASCADE');
        await tx.query('CREATE SCHEMA public');
        await migrate(tx, db.place, 1);
        await tx.query(
          `INSERT INTO jobs (id, request, dedupe, requested_by, priority, labels, timeout_minutes)
           VALUES ('old', '{"kind":"build","template":"old"}', 'd', 'ann', 0, '{}', 240)`,
        );
      });
    });
    await withDatabase(place, async (db) => {
      expect(await openJobs(db).get('old')).toMatchObject({ state: 'queued', requestedBy: 'ann' });
      const migrations = await readMigrations();
      const rows = await db.query<{ number: number }>('SELECT number FROM schema_migrations ORDER BY number');
      expect(rows.map(({ number }) => number)).toEqual(migrations.map(({ number }) => number));
      await db.query(`INSERT INTO schema_migrations (number, name) VALUES (9999, '9999-future.sql')`);
    });
    await expect(openDatabase(place)).rejects.toMatchObject({ code: 'DATABASE_TOO_NEW' });
  });

  test('a migration that fails changes nothing', async () => {
    await withDatabase(await freshPlace(kind), async (db) => {
      const broken = [
        ...(await readMigrations()),
        { number: 9000, name: '9000-broken.sql', sql: 'CREATE TABLE half (a int);\nSELECT 1/0;' },
      ];
      await expect(db.transaction((tx) => migrate(tx, db.place, 9000, broken))).rejects.toThrow(/division by zero/);
      expect(await db.query(`SELECT to_regclass('half') AS half`)).toEqual([{ half: null }]);
    });
  });
});

const ways: [Database['kind'], Database['kind']][] = hasPostgres
  ? [
      ['pglite', 'postgresql'],
      ['postgresql', 'pglite'],
    ]
  : [['pglite', 'pglite']];

test.each(ways)('a backup of %s is restored into %s', async (from, to) => {
  const file = join(folder, `${from}.backup`);
  const seen: unknown[] = [];
  const look = async (db: Database): Promise<unknown[]> => [
    await openJobs(db).list(),
    await openSchedules(db).list(),
    await openJobs(db).events((await openJobs(db).list())[0]?.id ?? '', 0),
    await db.query(`SELECT label, most FROM label_limits`),
  ];
  await withDatabase(await freshPlace(from), async (db) => {
    const jobs = openJobs(db);
    for (const template of ['a', 'b "quoted" \\ é']) {
      await jobs.enqueue({ kind: 'build', template }, { requestedBy: 'ann', labels: ['kvm', 'x'], priority: 2 });
    }
    await jobs.setLabelLimit('kvm', 2);
    await openSchedules(db).put({
      id: 'nightly',
      cron: '30 2 * * *',
      timezone: 'Europe/Paris',
      request: { kind: 'build', template: 'a', onlyIfChanged: true },
      requestedBy: 'ann',
      priority: 0,
      labels: [],
      enabled: true,
    });
    expect((await backup(db, file)).tables).toMatchObject({ jobs: 2, job_events: 2, schedules: 1 });
    seen.push(...(await look(db)));
  });
  await withDatabase(await freshPlace(to), async (db) => {
    await restore(db, file, { replace: false });
    expect(await look(db)).toEqual(seen);
    await expect(restore(db, file, { replace: false })).rejects.toMatchObject({ code: 'CONFLICT' });
    await restore(db, file, { replace: true });
    const { job } = await openJobs(db).enqueue({ kind: 'build', template: 'c' }, { requestedBy: 'bob' });
    expect((await openJobs(db).list())[0]?.id).toBe(job.id);
    const cut = join(folder, 'cut.backup');
    await writeFile(cut, (await readFile(file)).subarray(0, -40));
    await expect(restore(db, cut, { replace: true })).rejects.toMatchObject({ code: 'IMAGE_INVALID' });
    await expect(restore(db, join(folder, 'none'), { replace: true })).rejects.toMatchObject({ code: 'NOT_FOUND' });
    expect(await openJobs(db).list()).toHaveLength(3);
  });
});

test('statements are told apart, also with quoted bodies', () => {
  const sql = '-- a comment;\nCREATE TABLE a (b int);\nCREATE FUNCTION f() RETURNS int LANGUAGE sql AS $$\n  SELECT 1;\n$$;\n';
  expect(statementsOf(sql)).toHaveLength(2);
});
