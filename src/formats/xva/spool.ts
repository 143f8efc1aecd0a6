import { createReadStream } from 'node:fs';
import { type FileHandle, mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FileProbe } from '../../model/format.ts';
import { AppError, toAppError } from '../../util/errors.ts';
import { writeChunks } from '../shared/append-stream.ts';
import { openImage } from '../shared/open-image.ts';
import { readUpTo } from '../shared/read-exactly.ts';
import { parseTarHeader } from '../shared/tar.ts';
import { unpack } from '../shared/unpack.ts';
import { blockSize } from './blocks.ts';
import type { Compression } from './compress.ts';
import { invalidXva } from './invalid.ts';
import { readRecords } from './scan.ts';

/** Bytes after which it is known what a file holds, and so how large it may become. */
const knownAfter = 17 * 2 ** 20;
/** What blocks take beside their data, with room to spare. */
const overhead = 1.01;

/** How a file is packed, by its first bytes. */
export function compressionOf(head: Buffer): Compression {
  if (head.length >= 4 && head.readUInt32LE(0) === 0xfd2fb528) return 'zstd';
  return head[0] === 0x1f && head[1] === 0x8b ? 'gzip' : 'none';
}

/** Whether a file is an XVA, packed or not: its first entry is `ova.xml`. */
export async function recognizesXva({ path, head }: FileProbe): Promise<boolean> {
  const compression = compressionOf(head);
  if (compression === 'none') return beginsWithOvaXml(head);
  try {
    const stream = unpack(createReadStream(path), compression);
    for await (const chunk of stream) return beginsWithOvaXml(chunk);
  } catch {
    return false; // Not what it looks like.
  }
  return false;
}

function beginsWithOvaXml(bytes: Buffer): boolean {
  const entry = parseTarHeader(bytes.subarray(0, 512));
  return entry !== 'end' && !('fault' in entry) && entry.name === 'ova.xml';
}

export interface OpenedXva {
  file: FileHandle;
  size: number;
  compression: Compression;
}

/**
 * Opens an XVA so that any byte of it can be read: as it is, or unpacked to a file without a name in `spoolDir`.
 * @throws AppError NOT_FOUND, IMAGE_INVALID, DISK_FULL
 */
export async function openUnpacked(path: string, spoolDir = tmpdir()): Promise<OpenedXva> {
  const { file, size } = await openImage(path);
  try {
    const compression = compressionOf(await readUpTo(file, 0, 4));
    if (compression === 'none') return { file, size, compression };
    const spooled = await spool(path, compression, spoolDir);
    await file.close();
    return { ...spooled, compression };
  } catch (error) {
    await file.close();
    throw error;
  }
}

async function spool(path: string, compression: 'zstd' | 'gzip', dir: string): Promise<{ file: FileHandle; size: number }> {
  const folder = await mkdtemp(join(dir, 'gabarit-xva-'));
  const name = join(folder, 'xva');
  const file = await open(name, 'w+');
  try {
    // From now on it lives as long as it is open, whatever becomes of us.
    await rm(folder, { recursive: true });
    const size = await writeChunks(file, bounded(path, file, unpack(createReadStream(path), compression)));
    return { file, size };
  } catch (error) {
    await file.close();
    if (error instanceof AppError) throw error;
    const failure = toAppError(error, 'IMAGE_INVALID', `Unpacking ${path} to ${dir}`);
    throw failure.code === 'IMAGE_INVALID' ? invalidXva(path, 'its compressed data is damaged or cut off', error) : failure;
  }
}

/** Stops when there is more than what the description at the start can mean: a small file must not fill a disk. */
async function* bounded(path: string, file: FileHandle, chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void, undefined> {
  let size = 0;
  let limit: number | undefined;
  for await (const chunk of chunks) {
    yield chunk;
    size += chunk.length;
    if (limit === undefined && size > knownAfter) {
      const { records, next } = await readRecords({ path, file, size: knownAfter / 2 });
      limit = records.disks.reduce((sum, disk) => sum + disk.size * overhead, next + 32 * blockSize);
    }
    if (limit !== undefined && size > limit) throw invalidXva(path, 'it unpacks to more than its ova.xml tells of');
  }
}
