import { randomBytes } from 'node:crypto';
import { type FileHandle, open, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { z } from 'zod';
import { errnoOf } from '../../util/errors.ts';
import { finishFile } from '../../util/files.ts';
import { AppendFile } from './append-file.ts';
import type { StoredWindow } from './pack-pool.ts';
import type { ClusterCodec, PackedWindow } from './packed-window.ts';
import { readUpTo } from './read-exactly.ts';

/**
 * A base disk's packed windows in one file: the packed bytes, then an index (JSON), then a trailer of 16 bytes
 * (length and CRC-32 of the index, big-endian, and `magic`). A file that does not fit in any way is as good as none.
 */
const magic = 'GABARIT1';
const trailerSize = 16;
const maxIndexSize = 256 * 2 ** 20;

const indexSchema = z.strictObject({
  /** What the bytes depend on, see `storedKey`. */
  key: z.string(),
  windows: z.array(z.tuple([z.int(), z.strictObject({ offset: z.int(), lengths: z.array(z.int()), crc: z.int() })])),
});

/** Names the base (by its file's identity), the codec and the version of the compressor: another one gives other bytes. */
export async function storedKey(baseDisk: string, codec: ClusterCodec): Promise<string> {
  const { size, mtimeMs, ino } = await stat(baseDisk);
  const version = codec.type === 'zstd' ? process.versions.zstd : process.versions.zlib;
  return [codec.type, codec.level, version, size, mtimeMs, ino].join(' ');
}

/** Each codec has a file of its own. */
export function storedPath(folder: string, codec: ClusterCodec): string {
  return join(folder, `${codec.type}-${codec.level}.windows`);
}

/** The packed windows of a base, open for reading. */
export interface StoredWindows {
  fd: number;
  windows: Map<number, StoredWindow>;
  close(): Promise<void>;
}

/** Opens the file when it is there, whole, and made for this key. */
export async function openStoredWindows(path: string, key: string): Promise<StoredWindows | undefined> {
  const file = await openIfThere(path);
  if (file === undefined) return undefined;
  const index = await readIndex(file);
  if (index?.key !== key) {
    await file.close();
    return undefined;
  }
  return { fd: file.fd, windows: new Map(index.windows), close: () => file.close() };
}

async function openIfThere(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, 'r');
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

async function readIndex(file: FileHandle): Promise<z.output<typeof indexSchema> | undefined> {
  const { size } = await file.stat();
  if (size < trailerSize) return undefined;
  const trailer = await readUpTo(file, size - trailerSize, trailerSize);
  const length = trailer.readUInt32BE(0);
  if (trailer.toString('latin1', 8) !== magic || length > Math.min(size - trailerSize, maxIndexSize)) return undefined;
  const text = await readUpTo(file, size - trailerSize - length, length);
  if (crc32(text) !== trailer.readUInt32BE(4)) return undefined;
  return indexSchema.safeParse(JSON.parse(text.toString())).data;
}

/** Writes such a file; it gets its name only when it is complete. */
export class StoredWindowsWriter {
  readonly #path: string;
  readonly #part: string;
  readonly #file: FileHandle;
  readonly #out: AppendFile;
  readonly #windows: [number, StoredWindow][] = [];

  private constructor(path: string, part: string, file: FileHandle) {
    this.#path = path;
    this.#part = part;
    this.#file = file;
    this.#out = new AppendFile(file, 0);
  }

  static async create(path: string): Promise<StoredWindowsWriter> {
    const part = `${path}.${randomBytes(4).toString('hex')}.part`;
    return new StoredWindowsWriter(path, part, await open(part, 'wx'));
  }

  async add(window: number, { lengths, bytes }: PackedWindow): Promise<void> {
    this.#windows.push([window, { offset: this.#out.position, lengths, crc: crc32(bytes) }]);
    await this.#out.append(bytes);
  }

  async finish(key: string): Promise<void> {
    const index = Buffer.from(JSON.stringify({ key, windows: this.#windows } satisfies z.input<typeof indexSchema>));
    const trailer = Buffer.alloc(trailerSize);
    trailer.writeUInt32BE(index.length, 0);
    trailer.writeUInt32BE(crc32(index), 4);
    trailer.write(magic, 8, 'latin1');
    await this.#out.append(index);
    await this.#out.append(trailer);
    await this.#out.flush();
    await finishFile(this.#part, this.#path);
  }

  /** Closes the file, and removes what was not finished. */
  async close(): Promise<void> {
    await this.#file.close();
    await rm(this.#part, { force: true });
  }
}
