import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '../util/errors.ts';
import type { Queryable } from './database.ts';

/** Numbered files of SQL, forward only: what was released is never changed, the next file changes it. */
export interface Migration {
  number: number;
  name: string;
  sql: string;
}

export async function readMigrations(folder = join(import.meta.dirname, 'migrations')): Promise<Migration[]> {
  const names = (await readdir(folder)).filter((name) => /^\d{4}-[a-z0-9-]+\.sql$/.test(name)).toSorted();
  return Promise.all(
    names.map(async (name) => ({ number: Number(name.slice(0, 4)), name, sql: await readFile(join(folder, name), 'utf8') })),
  );
}

/** Any number, the same for all: it keeps two servers that start together from migrating together. */
const migrationLock = 7_113_201;

/**
 * Applies what is missing, up to a number when one is given. The caller's transaction makes it all or nothing.
 * @throws AppError DATABASE_TOO_NEW
 */
export async function migrate(
  { query }: Queryable,
  place: string,
  upTo = Number.POSITIVE_INFINITY,
  given?: Migration[],
): Promise<void> {
  const migrations = given ?? (await readMigrations());
  await query(`SELECT pg_advisory_xact_lock(${migrationLock})`);
  await query(
    'CREATE TABLE IF NOT EXISTS schema_migrations (number integer PRIMARY KEY, name text NOT NULL, applied timestamptz NOT NULL DEFAULT now())',
  );
  const done = new Set((await query<{ number: number }>('SELECT number FROM schema_migrations')).map(({ number }) => number));
  const newest = Math.max(0, ...done);
  const known = migrations.at(-1)?.number ?? 0;
  if (newest > known) {
    throw new AppError('DATABASE_TOO_NEW', `The tables in ${place} are of a newer Gabarit (${newest}, here ${known})`, {
      hint: 'Use that Gabarit, or restore a backup that was made before the upgrade.',
    });
  }
  for (const { number, name, sql } of migrations) {
    if (done.has(number) || number > upTo) continue;
    for (const statement of statementsOf(sql)) await query(statement);
    await query('INSERT INTO schema_migrations (number, name) VALUES ($1, $2)', [number, name]);
  }
}

/** The statements of a file. A line that ends in `;` ends a statement, except between lines that hold `$$` alone. */
export function statementsOf(sql: string): string[] {
  const statements: string[] = [];
  let lines: string[] = [];
  let isQuoted = false;
  for (const line of sql.split('\n')) {
    if (line.trim().startsWith('--') && !isQuoted) continue;
    for (const _ of line.matchAll(/\$\$/g)) isQuoted = !isQuoted;
    lines.push(line);
    if (isQuoted || !line.trimEnd().endsWith(';')) continue;
    statements.push(lines.join('\n').trim());
    lines = [];
  }
  const rest = lines.join('\n').trim();
  return rest === '' ? statements : [...statements, rest];
}
