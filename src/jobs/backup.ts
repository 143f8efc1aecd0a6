import { createReadStream } from 'node:fs';
import { open, rm } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { Readable, Writable } from 'node:stream';
import { createGunzip, createGzip } from 'node:zlib';
import { AppError, errnoOf, toAppError } from '../util/errors.ts';
import { finishFile } from '../util/files.ts';
import type { Database, Queryable } from './database.ts';
import { migrate, readMigrations } from './migrate.ts';

/**
 * All rows of all tables in one file: a line of JSON each, packed. It is no copy of the database's own files, so that it goes from PGlite to
 * PostgreSQL and back, and from an older Gabarit into a newer one.
 */

interface Head {
  schema: 'gabarit.backup/1';
  /** The last migration of its tables. */
  migration: number;
  made: string;
}

/** Logs are files, and pieces of them in the database are no more than copies; who works now is of no use later. */
const leftOut = new Set(['job_log_pieces', 'workers', 'schema_migrations']);
/** Rows that are read and written at once. */
const batch = 500;

export interface BackupReport {
  tables: Record<string, number>;
}

/** Writes a backup, as the database is at one moment. @throws AppError DISK_FULL, DATABASE_FAILED */
export async function backup(db: Database, path: string): Promise<BackupReport> {
  return keepBackup(backupStream(db), path);
}

/** The bytes of a backup. */
export function backupStream(db: Database): Readable {
  const packed = createGzip();
  void pipeline(Readable.from(linesOf(db)), packed).catch(() => undefined); // Whoever reads `packed` hears of it.
  return packed;
}

/** Writes a backup that comes from somewhere to a file, once all of it has arrived. @throws AppError DISK_FULL, IMAGE_INVALID */
export async function keepBackup(bytes: Readable, path: string): Promise<BackupReport> {
  const part = `${path}.part`;
  try {
    const file = await open(part, 'w', 0o600);
    await pipeline(bytes, file.createWriteStream());
    const { lines } = await readBackup(part);
    const report: BackupReport = { tables: {} };
    for (const line of lines) {
      const { table } = rowOf(line, path);
      report.tables[table] = (report.tables[table] ?? 0) + 1;
    }
    await finishFile(part, path);
    return report;
  } catch (error) {
    await rm(part, { force: true });
    throw toAppError(error, 'DATABASE_FAILED', `No backup could be written to ${path}`);
  }
}

async function* linesOf(db: Database): AsyncGenerator<string> {
  // One transaction sees one moment; its rows are kept here, since PGlite would wait for itself if they were asked for one by one.
  const rows: string[] = [];
  await db.transaction(async (tx) => {
    await tx.query('SET TRANSACTION ISOLATION LEVEL REPEATABLE READ');
    const [newest] = await tx.query<{ number: number }>('SELECT max(number) AS number FROM schema_migrations');
    const head: Head = { schema: 'gabarit.backup/1', migration: newest?.number ?? 0, made: new Date().toISOString() };
    rows.push(JSON.stringify(head));
    for (const table of await tablesOf(tx)) {
      const found = await tx.query<{ row: string }>(`SELECT row_to_json(t)::text AS row FROM ${table} t`);
      for (const { row } of found) rows.push(`{"table":"${table}","row":${row}}`);
    }
  });
  rows.push(JSON.stringify({ end: true, rows: rows.length - 1 }));
  for (const row of rows) yield `${row}\n`;
}

/** The tables, those first that others refer to. */
async function tablesOf({ query }: Queryable): Promise<string[]> {
  const tables = (
    await query<{ name: string }>(
      `SELECT quote_ident(relname) AS name FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace ORDER BY relname`,
    )
  )
    .map(({ name }) => name)
    .filter((name) => !leftOut.has(name));
  const references = await query<{ from: string; to: string }>(
    `SELECT conrelid::regclass::text AS "from", confrelid::regclass::text AS "to" FROM pg_constraint
     WHERE contype = 'f' AND connamespace = 'public'::regnamespace AND conrelid <> confrelid`,
  );
  const ordered: string[] = [];
  while (ordered.length < tables.length) {
    const next = tables.filter(
      (table) =>
        !ordered.includes(table) &&
        references.every(({ from, to }) => from !== table || ordered.includes(to) || !tables.includes(to)),
    );
    if (next.length === 0) throw new TypeError('tables refer to each other in a circle');
    ordered.push(...next);
  }
  return ordered;
}

/**
 * Puts a backup in the place of what is in the database: all of it, or nothing changes.
 * @throws AppError CONFLICT when there is something and `replace` is not set, IMAGE_INVALID when the file is damaged, DATABASE_TOO_NEW
 */
export async function restore(db: Database, path: string, { replace }: { replace: boolean }): Promise<BackupReport> {
  const { head, lines } = await readBackup(path);
  const known = (await readMigrations()).at(-1)?.number ?? 0;
  if (head.migration > known) {
    throw new AppError('DATABASE_TOO_NEW', `${path} was made by a newer Gabarit (tables ${head.migration}, here ${known})`, {
      hint: 'Restore it with that Gabarit.',
    });
  }
  const report: BackupReport = { tables: {} };
  await db.transaction(async (tx) => {
    const [found] = await tx.query<{ n: number }>('SELECT count(*)::int AS n FROM jobs');
    if (found && found.n > 0 && !replace) {
      throw new AppError('CONFLICT', `There are ${found.n} jobs in ${db.place} already`, {
        hint: 'Make a backup of them, then use --replace to put this one in their place.',
      });
    }
    await tx.query('DROP SCHEMA public CASCADE');
    await tx.query('CREATE SCHEMA public');
    // Tables as they were when the backup was made, then its rows, then what has changed in the tables since.
    await migrate(tx, db.place, head.migration);
    for (let at = 0; at < lines.length; at += batch) await insert(tx, lines.slice(at, at + batch), path, report);
    await followIdentities(tx);
    await migrate(tx, db.place);
  });
  return report;
}

async function insert(tx: Queryable, lines: string[], path: string, report: BackupReport): Promise<void> {
  const byTable = new Map<string, string[]>();
  for (const line of lines) {
    const { table, row } = rowOf(line, path);
    byTable.set(table, [...(byTable.get(table) ?? []), row]);
  }
  for (const [table, rows] of byTable) {
    await tx.query(
      `INSERT INTO ${table} OVERRIDING SYSTEM VALUE SELECT * FROM json_populate_recordset(NULL::${table}, $1::json)`,
      [`[${rows.join(',')}]`],
    );
    report.tables[table] = (report.tables[table] ?? 0) + rows.length;
  }
}

/** Numbers that the database gives go on after those that came with the backup. */
async function followIdentities({ query }: Queryable): Promise<void> {
  const columns = await query<{ table: string; column: string; sequence: string }>(
    `SELECT table_name AS "table", column_name AS "column",
       pg_get_serial_sequence(quote_ident(table_name), column_name) AS sequence
     FROM information_schema.columns
     WHERE table_schema = 'public' AND pg_get_serial_sequence(quote_ident(table_name), column_name) IS NOT NULL`,
  );
  for (const { table, column, sequence } of columns) {
    await query(`SELECT setval($1::regclass, coalesce((SELECT max(${column}) FROM ${table}), 0) + 1, false)`, [sequence]);
  }
}

function rowOf(line: string, path: string): { table: string; row: string } {
  const [, table, row] = /^\{"table":"([a-z_]+)","row":(.*)\}$/s.exec(line) ?? [];
  if (!table || !row) throw damaged(path, 'a line is no row');
  return { table, row };
}

/** The rows of a backup, when it is whole. */
async function readBackup(path: string): Promise<{ head: Head; lines: string[] }> {
  const lines = await readLines(path);
  const head = parseHead(lines.shift(), path);
  const end = JSON.parse(lines.pop() ?? '{}') as { end?: boolean; rows?: number };
  if (end.end !== true || end.rows !== lines.length) throw damaged(path, 'its end is missing');
  return { head, lines };
}

async function readLines(path: string): Promise<string[]> {
  const chunks: Buffer[] = [];
  const collect = new Writable({
    write(chunk: Buffer, _, done) {
      chunks.push(chunk);
      done();
    },
  });
  try {
    await pipeline(createReadStream(path), createGunzip(), collect);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') throw new AppError('NOT_FOUND', `There is no file ${path}`, { cause: error });
    throw damaged(path, error instanceof Error ? error.message : String(error));
  }
  const lines = Buffer.concat(chunks).toString().split('\n');
  lines.pop();
  return lines;
}

function parseHead(line: string | undefined, path: string): Head {
  try {
    const head = JSON.parse(line ?? '') as Partial<Head>;
    if (head.schema === 'gabarit.backup/1' && typeof head.migration === 'number') return head as Head;
  } catch {
    // Said below.
  }
  throw damaged(path, 'it is no backup of Gabarit');
}

function damaged(path: string, why: string): AppError {
  return new AppError('IMAGE_INVALID', `${path} cannot be restored: ${why}`, {
    hint: 'Nothing was changed. Use another backup.',
  });
}
