import { createWriteStream } from 'node:fs';
import { mkdir, open } from 'node:fs/promises';
import { join } from 'node:path';
import { errnoOf } from '../util/errors.ts';
import type { Database } from './database.ts';

/**
 * Everything that a job says, one event as JSON a line. It is a file on the host that runs it, one for each attempt. With PostgreSQL,
 * which several hosts share, the file is also copied there in pieces, so that every server can show it; with PGlite there is one host.
 */

/** More than this of one attempt is not kept. */
const mostBytes = 256 * 1024 * 1024;
const mostSharedBytes = 32 * 1024 * 1024;
const pieceBytes = 64 * 1024;
const pieceMs = 500;

export interface LogPlace {
  db: Database;
  stateDir: string;
}

export function jobFolder(stateDir: string, job: string): string {
  return join(stateDir, 'jobs', job);
}

function logPath(stateDir: string, job: string, attempt: number): string {
  return join(jobFolder(stateDir, job), `${attempt}.jsonl`);
}

export interface JobLog {
  write(line: string): void;
  close(): Promise<void>;
}

export async function openJobLog({ db, stateDir }: LogPlace, job: string, attempt: number): Promise<JobLog> {
  await mkdir(jobFolder(stateDir, job), { recursive: true });
  const stream = createWriteStream(logPath(stateDir, job, attempt), { flags: 'a', mode: 0o640 });
  stream.on('error', () => undefined); // A full disk takes the log, not the job.
  const share = db.kind === 'postgresql' ? shareLog(db, job, attempt) : undefined;
  let written = 0;
  return {
    write(line) {
      if (written >= mostBytes) return;
      let bytes = Buffer.from(`${line}\n`);
      if (written + bytes.length > mostBytes) {
        const message = 'The log is longer than 256 MiB; the rest is left out';
        bytes = Buffer.from(`${JSON.stringify({ type: 'log', time: new Date().toISOString(), level: 'warn', message })}\n`);
        written = mostBytes;
      } else written += bytes.length;
      stream.write(bytes);
      share?.add(bytes);
    },
    async close() {
      await new Promise<void>((resolve) => stream.end(resolve));
      await share?.close();
    },
  };
}

/** Copies what is added into the database, in pieces of whole lines. */
function shareLog(db: Database, job: string, attempt: number): { add(bytes: Buffer): void; close(): Promise<void> } {
  let waiting: Buffer[] = [];
  let size = 0;
  let position = 0;
  let busy: Promise<void> | undefined;
  const flush = async (): Promise<void> => {
    if (size === 0) return;
    const piece = Buffer.concat(waiting);
    waiting = [];
    size = 0;
    const at = position;
    position += piece.length;
    await db
      .query('INSERT INTO job_log_pieces (job, attempt, position, bytes) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING', [
        job,
        attempt,
        at,
        piece,
      ])
      .catch(() => undefined); // It stays readable on its host.
  };
  const flushSoon = (): void => {
    busy ??= flush().finally(() => (busy = undefined));
  };
  const timer = setInterval(flushSoon, pieceMs);
  return {
    add(bytes) {
      if (position + size > mostSharedBytes) return;
      waiting.push(bytes);
      size += bytes.length;
      if (size >= pieceBytes) flushSoon();
    },
    async close() {
      clearInterval(timer);
      await busy;
      await flush();
    },
  };
}

export interface LogPart {
  attempt: number;
  /** Where the next part begins, in bytes. */
  position: number;
  /** Whole lines, each an event as JSON. */
  lines: string[];
  /** Nothing will follow in this attempt. */
  end: boolean;
}

/** Reads a part of a log: of the last attempt, or of the one that is named, from a byte position on. */
export async function readJobLog(
  { db, stateDir }: LogPlace,
  job: string,
  { attempt, position = 0, limit = 256 * 1024 }: { attempt?: number; position?: number; limit?: number } = {},
): Promise<LogPart> {
  // Before the bytes: what was written before the end is then read.
  const [row] = await db.query<{ attempt: number; state: string }>('SELECT attempt, state FROM jobs WHERE id = $1', [job]);
  const wanted = attempt ?? row?.attempt ?? 0;
  const isOver = row === undefined || row.attempt > wanted || row.state !== 'running';
  const bytes = await readBytes({ db, stateDir }, job, wanted, position, limit);
  const whole = bytes.subarray(0, bytes.lastIndexOf(0x0a) + 1);
  // A line that is longer than what was asked for is passed on in the form in which it is.
  const part = whole.length === 0 && bytes.length >= limit ? bytes : whole;
  const lines = part.toString().split('\n');
  if (lines.at(-1) === '') lines.pop();
  return { attempt: wanted, position: position + part.length, lines, end: isOver && bytes.length < limit };
}

async function readBytes(
  { db, stateDir }: LogPlace,
  job: string,
  attempt: number,
  position: number,
  limit: number,
): Promise<Buffer> {
  try {
    await using file = await open(logPath(stateDir, job, attempt), 'r');
    const { buffer, bytesRead } = await file.read(Buffer.alloc(limit), 0, limit, position);
    return buffer.subarray(0, bytesRead);
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
  }
  const pieces = await db.query<{ position: string; bytes: Uint8Array }>(
    `SELECT position::text AS position, bytes FROM job_log_pieces
     WHERE job = $1 AND attempt = $2 AND position + length(bytes) > $3 ORDER BY job_log_pieces.position LIMIT 64`,
    [job, attempt, position],
  );
  const first = pieces[0];
  if (!first || Number(first.position) > position) return Buffer.alloc(0);
  const all = Buffer.concat(pieces.map(({ bytes }) => bytes));
  return all.subarray(position - Number(first.position)).subarray(0, limit);
}
