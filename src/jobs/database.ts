import { readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import type { PGlite } from '@electric-sql/pglite';
import type { Pool, PoolClient } from 'pg';
import { AppError, errnoOf } from '../util/errors.ts';
import { writeFileAtomic } from '../util/files.ts';
import { type HeldLock, lockFile } from '../util/lock-file.ts';
import { redact } from '../util/redact.ts';
import { migrate } from './migrate.ts';
import { keepTidy } from './pglite-upkeep.ts';
import { openListener } from './postgres-listener.ts';

/** One SQL over two databases: PGlite in this process, which needs nothing installed, and PostgreSQL, which many hosts share. */

export type Row = Record<string, unknown>;

export interface Queryable {
  /** Runs one statement with `$1` parameters. @throws AppError DATABASE_FAILED when the database cannot be reached */
  query: <T = Row>(sql: string, parameters?: readonly unknown[]) => Promise<T[]>;
}

export interface Database extends Queryable {
  kind: 'pglite' | 'postgresql';
  /** Where it is, without secrets. */
  place: string;
  /** Runs several statements without parameters. */
  execute(sql: string): Promise<void>;
  /** All or nothing. Within it, only `tx` may be used: PGlite has one connection, and waits for itself otherwise. */
  transaction<T>(work: (tx: Queryable) => Promise<T>): Promise<T>;
  /**
   * Hears what `SELECT pg_notify(channel, payload)` says, from any process. A message may be missed while the connection is down, so that
   * whoever listens looks by himself from time to time, too.
   */
  listen(channel: string, heard: (payload: string) => void): Promise<() => Promise<void>>;
  close(): Promise<void>;
}

export type DatabasePlace = { folder: string } | { url: string };

/**
 * Opens the database and brings its tables up to date.
 * @throws AppError DATABASE_IN_USE when another process has the folder, DATABASE_TOO_NEW, DATABASE_FAILED
 */
export async function openDatabase(place: DatabasePlace): Promise<Database> {
  const database = 'url' in place ? await openPostgres(place.url) : await openPglite(place.folder);
  try {
    await database.transaction((tx) => migrate(tx, database.place));
    return database;
  } catch (error) {
    await database.close();
    throw error;
  }
}

/** How long whoever opens a folder waits for one who is just leaving it. */
const leavingMs = 5000;

async function openPglite(folder: string): Promise<Database> {
  const lock = await lockFolder(folder);
  let lite: PGlite;
  try {
    const { PGlite: Lite } = await import('@electric-sql/pglite');
    lite = await Lite.create(join(folder, 'data'));
  } catch (cause) {
    await lock.release();
    throw new AppError('DATABASE_FAILED', `The database in ${folder} cannot be opened: ${reasonOf(cause)}`, {
      cause,
      hint: 'Restore a backup: gabarit db restore FILE --replace.',
    });
  }
  const upkeep = keepTidy(lite);
  return {
    kind: 'pglite',
    place: folder,
    query: (sql, parameters) => known(lite.query(sql, parameters ? [...parameters] : [])),
    execute: async (sql) => void (await lite.exec(sql)),
    transaction: <T>(work: (tx: Queryable) => Promise<T>) =>
      lite.transaction<T>((tx) => work({ query: (sql, parameters) => known(tx.query(sql, parameters ? [...parameters] : [])) })),
    listen: (channel, heard) => lite.listen(channel, heard),
    async close() {
      await upkeep.stop();
      if (!lite.closed) await lite.close();
      await lock.release();
    },
  };
}

/** PGlite does not notice a second process in its folder, and loses what one of them writes. */
async function lockFolder(folder: string): Promise<HeldLock> {
  const holder = join(folder, 'holder.json');
  const signal = AbortSignal.timeout(leavingMs);
  try {
    const lock = await lockFile(join(folder, 'lock'), { signal });
    if (lock === undefined) throw new TypeError('no lock');
    await writeFileAtomic(holder, JSON.stringify({ pid: process.pid, host: hostname(), since: new Date().toISOString() }));
    return lock;
  } catch (error) {
    if (!signal.aborted) throw error;
    const { pid, host, since } = JSON.parse(await readFile(holder, 'utf8').catch(() => '{}')) as {
      pid?: number;
      host?: string;
      since?: string;
    };
    const who = pid === undefined ? 'another process' : `process ${pid} on ${host}, since ${since}`;
    throw new AppError('DATABASE_IN_USE', `The database in ${folder} is in use by ${who}`, {
      cause: error,
      hint: 'A server is running: commands reach it by its URL. Stop it first to work on its folder.',
    });
  }
}

async function openPostgres(url: string): Promise<Database> {
  const { default: pg } = await import('pg');
  const pool = new pg.Pool({
    connectionString: url,
    max: 10,
    application_name: 'gabarit',
    connectionTimeoutMillis: 5000,
    // A connection that is cut off silently must not hold anybody for long.
    query_timeout: 15_000,
    keepAlive: true,
    keepAliveInitialDelayMillis: 5000,
  });
  pool.on('error', () => undefined); // An idle connection broke: the next query opens another.
  const listener = openListener(url);
  const { host, pathname } = new URL(url);
  const place = `postgresql://${host}${pathname}`;
  const failed = (cause: unknown): unknown => (isUnreachable(cause) ? unreachable(place, cause) : cause);
  const on = (client: Pool | PoolClient): Queryable => ({
    query: (sql, parameters) =>
      known(
        client.query(sql, parameters ? [...parameters] : []).catch((cause: unknown) => {
          throw failed(cause);
        }),
      ),
  });
  return {
    kind: 'postgresql',
    place,
    ...on(pool),
    execute: async (sql) => void (await pool.query(sql)),
    async transaction(work) {
      const client = await pool.connect().catch((cause: unknown) => {
        throw failed(cause);
      });
      let broken: Error | undefined;
      client.on('error', (error) => (broken = error));
      try {
        const { query } = on(client);
        await query('BEGIN');
        const result = await work({ query });
        await query('COMMIT');
        return result;
      } catch (error) {
        await client.query('ROLLBACK').catch((failure: Error) => (broken = failure));
        throw error;
      } finally {
        client.removeAllListeners('error');
        client.release(broken);
      }
    },
    listen: (channel, heard) => listener.listen(channel, heard),
    async close() {
      await listener.close();
      await pool.end();
    },
  };
}

async function known<T>(answer: Promise<{ rows: unknown[] }>): Promise<T[]> {
  return (await answer).rows as T[];
}

const connectionFaults = /^(08|57P0[123]|53300)/;

function isUnreachable(error: unknown): boolean {
  const code = errnoOf(error) ?? '';
  return (
    connectionFaults.test(code) ||
    /^E[A-Z]+$/.test(code) ||
    (error instanceof Error && /timeout|terminated|Connection ended/i.test(error.message))
  );
}

function unreachable(place: string, cause: unknown): AppError {
  return new AppError('DATABASE_FAILED', `${place} cannot be reached: ${redact(reasonOf(cause))}`, {
    cause,
    hint: 'Look whether it runs, and whether DATABASE_URL is right.',
  });
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message || (errnoOf(error) ?? error.name) : String(error);
}
