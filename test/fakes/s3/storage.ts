import { randomBytes } from 'node:crypto';
import { mkdir, open, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Some bytes at rest. */
export interface Segment {
  size: number;
  read(start: number, end: number): Promise<Buffer>;
  release(): Promise<void>;
}

export interface StoredObject {
  key: string;
  size: number;
  /** Without quotes. */
  etag: string;
  modifiedMs: number;
  /** Given back with the object: content-type, x-amz-meta-*. */
  headers: Record<string, string>;
  /** Given back when asked for. */
  checksums: Record<string, string>;
  segments: Segment[];
}

export interface StoredPart {
  number: number;
  size: number;
  etag: string;
  modifiedMs: number;
  segment: Segment;
}

export interface Upload {
  id: string;
  key: string;
  startedMs: number;
  headers: Record<string, string>;
  parts: Map<number, StoredPart>;
}

export class Bucket {
  readonly name: string;
  readonly objects = new Map<string, StoredObject>();
  readonly uploads = new Map<string, Upload>();
  /** How often each key was written or deleted. */
  readonly changes = new Map<string, number>();
  #sorted: string[] | undefined;

  constructor(name: string) {
    this.name = name;
  }

  /** Puts an object in its place, or takes it away; what was there is let go. */
  async replace(key: string, object: StoredObject | undefined): Promise<void> {
    const before = this.objects.get(key);
    if (object) this.objects.set(key, object);
    else this.objects.delete(key);
    if ((before === undefined) !== (object === undefined)) this.#sorted = undefined;
    this.changes.set(key, (this.changes.get(key) ?? 0) + 1);
    for (const segment of before?.segments ?? []) await segment.release();
  }

  /** By their UTF-8 bytes, as S3 has it. */
  keys(): readonly string[] {
    this.#sorted ??= [...this.objects.keys()].toSorted(byBytes);
    return this.#sorted;
  }
}

export function byBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

/** Keeps bytes: in memory, or each piece in a file of a folder. */
export type Keep = (chunks: readonly Buffer[]) => Promise<Segment>;

export function keepInMemory(): Keep {
  return async (chunks) => {
    const bytes = chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks);
    return { size: bytes.length, read: async (start, end) => bytes.subarray(start, end), release: async () => undefined };
  };
}

export function keepInFolder(folder: string): Keep {
  return async (chunks) => {
    await mkdir(folder, { recursive: true });
    const path = join(folder, randomBytes(8).toString('hex'));
    await writeFile(path, chunks);
    const size = chunks.reduce((sum, { length }) => sum + length, 0);
    const read = async (start: number, end: number): Promise<Buffer> => {
      const handle = await open(path);
      try {
        const { buffer, bytesRead } = await handle.read(Buffer.alloc(end - start), 0, end - start, start);
        return buffer.subarray(0, bytesRead);
      } finally {
        await handle.close();
      }
    };
    return { size, read, release: () => rm(path, { force: true }) };
  };
}

const pieceBytes = 2 ** 20;

/** The bytes from `start` up to `end`, a piece at a time. */
export async function* readRange(segments: readonly Segment[], start: number, end: number): AsyncGenerator<Buffer> {
  let base = 0;
  for (const segment of segments) {
    const [from, to] = [Math.max(0, start - base), Math.min(segment.size, end - base)];
    for (let at = from; at < to; at += pieceBytes) yield await segment.read(at, Math.min(to, at + pieceBytes));
    base += segment.size;
  }
}

/** The same bytes with one bit of the byte `at` turned. */
export function flipBit(chunks: readonly Buffer[], at: number): Buffer {
  const bytes = Buffer.concat(chunks);
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  return bytes;
}
