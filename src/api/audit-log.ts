import { type FileHandle, mkdir, open, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { type AuditEntry, auditEntrySchema } from '../model/api/access.ts';
import { canonicalJson, digestOf } from '../util/digest.ts';
import { AppError, errnoOf } from '../util/errors.ts';
import { redactDeep } from '../util/redact.ts';
import { oneLine } from './http/one-line.ts';

/**
 * Who did what: one JSON line an entry, only ever appended, each with the hash of the one before. Whoever changes, removes or inserts a line
 * breaks the chain. Cut off at its end it is still a chain: for that, the head (`number:hash`) is to be kept elsewhere, and compared.
 */
export interface AuditLog {
  add(entry: NewEntry): Promise<void>;
  /** The newest first, `before` a number. */
  page(options: { before?: number; limit: number; matches?: (entry: AuditEntry) => boolean }): Promise<AuditEntry[]>;
  verify(): Promise<AuditReport>;
  close(): Promise<void>;
}

export type NewEntry = Omit<AuditEntry, 'number' | 'time' | 'previous' | 'hash'>;

export interface AuditReport {
  ok: boolean;
  entries: number;
  /** `NUMBER:HASH` of the last good entry. */
  head: string;
  /** What is wrong first, with its line. */
  fault?: string;
}

const root = `sha256:${'0'.repeat(64)}`;

/** @throws AppError AUDIT_BROKEN when the chain is not whole: a server that cannot account for what was done does not start */
export async function openAuditLog(path: string, now: () => Date = () => new Date()): Promise<AuditLog> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const cut = await cutTornLine(path);
  const before = await verifyAuditLog(path);
  if (!before.ok) {
    throw new AppError('AUDIT_BROKEN', `${path}: ${before.fault ?? ''}`, {
      hint: 'Somebody changed the audit log, or the disk did. Keep the file as evidence, move it away, and start again.',
    });
  }
  const file = await open(path, 'a', 0o600);
  /** Where each entry begins: a page needs no reading of the whole file. */
  const offsets = await offsetsOf(path);
  let { size } = await file.stat();
  let [number, hash] = headOf(before.head);
  let queue: Promise<unknown> = Promise.resolve();

  async function write(entry: NewEntry): Promise<void> {
    const body = { number: number + 1, time: now().toISOString(), ...redactDeep(entry), previous: hash };
    const line = { ...body, hash: digestOf(canonicalJson(body)) };
    const text = `${oneLine(line)}\n`;
    await file.appendFile(text);
    await file.datasync();
    offsets.push(size);
    size += Buffer.byteLength(text);
    [number, hash] = [line.number, line.hash];
  }
  const add = (entry: NewEntry): Promise<void> => {
    const mine = queue.then(() => write(entry));
    queue = mine.catch(() => undefined);
    return mine;
  };
  if (cut > 0)
    await add({ who: 'gabarit', by: 'server', action: 'audit.recovered', on: { bytes: String(cut) }, outcome: 'done' });

  return {
    add,
    async page({ before: end = number + 1, limit, matches = () => true }) {
      await queue;
      const found: AuditEntry[] = [];
      const reader = await open(path, 'r');
      try {
        for (let at = Math.min(end - 1, number); at >= 1 && found.length < limit; at -= 1) {
          const entry = await entryAt(reader, offsets[at - 1] ?? 0, offsets[at] ?? size);
          if (matches(entry)) found.push(entry);
        }
      } finally {
        await reader.close();
      }
      return found;
    },
    async verify() {
      await queue;
      return verifyAuditLog(path);
    },
    async close() {
      await queue;
      await file.close();
    },
  };
}

/** Follows the chain from its beginning to its end; `kept` is a head that must still be in it. */
export async function verifyAuditLog(path: string, kept?: string): Promise<AuditReport> {
  let isKept = kept === undefined || kept === `0:${root}`;
  let number = 0;
  let hash = root;
  const report = (fault?: string): AuditReport => ({
    ok: fault === undefined,
    entries: number,
    head: `${number}:${hash}`,
    ...(fault === undefined ? {} : { fault: `line ${number + 1}: ${fault}` }),
  });
  try {
    for await (const line of createInterface({ input: createReadStream(path), crlfDelay: Number.POSITIVE_INFINITY })) {
      let entry: AuditEntry;
      try {
        entry = auditEntrySchema.strict().parse(JSON.parse(line));
      } catch {
        return report('it is no entry');
      }
      const { hash: claimed, ...body } = entry;
      if (entry.number !== number + 1)
        return report(`number ${entry.number} comes after ${number}: entries are missing or were moved`);
      if (entry.previous !== hash) return report('it does not continue the entry before');
      // The bytes of the line count, too: nothing else may mean the same.
      if (claimed !== digestOf(canonicalJson(body)) || oneLine(entry) !== line) return report('it was changed');
      number = entry.number;
      hash = claimed;
      isKept ||= kept === `${number}:${hash}`;
    }
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
  }
  return report(isKept ? undefined : `the entry ${kept ?? ''} is not in it any more`);
}

function headOf(head: string): [number: number, hash: string] {
  const at = head.indexOf(':');
  return [Number(head.slice(0, at)), head.slice(at + 1)];
}

async function entryAt(file: FileHandle, from: number, to: number): Promise<AuditEntry> {
  const buffer = Buffer.alloc(to - from);
  await file.read(buffer, 0, buffer.length, from);
  return auditEntrySchema.parse(JSON.parse(buffer.toString('utf8')));
}

async function offsetsOf(path: string): Promise<number[]> {
  const bytes = await readFile(path);
  const offsets: number[] = [];
  for (let at = 0; at < bytes.length; at = bytes.indexOf(10, at) + 1) offsets.push(at);
  return offsets;
}

/** A crash in the middle of a write leaves a line without an end. Returns how many bytes were cut off. */
async function cutTornLine(path: string): Promise<number> {
  let file: FileHandle;
  try {
    file = await open(path, 'r+');
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return 0;
    throw error;
  }
  try {
    const bytes = await file.readFile();
    const end = bytes.lastIndexOf(10) + 1;
    if (end < bytes.length) await file.truncate(end);
    return bytes.length - end;
  } finally {
    await file.close();
  }
}
