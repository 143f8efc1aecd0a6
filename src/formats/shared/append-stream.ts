import type { FileHandle } from 'node:fs/promises';
import { writeAll } from './append-file.ts';

const batchSize = 4 * 2 ** 20;

/** Writes chunks to a file from its start, in large writes, each while the next chunks are being made. Returns how many bytes there were. */
export async function writeChunks(file: FileHandle, chunks: AsyncIterable<Uint8Array>): Promise<number> {
  let position = 0;
  let batch: Uint8Array[] = [];
  let length = 0;
  let writing: Promise<void> = Promise.resolve();
  const flush = async (): Promise<void> => {
    await writing;
    writing = writeBatch(file, batch, length, position);
    // Awaited before the next one, or at the end.
    writing.catch(() => undefined);
    position += length;
    batch = [];
    length = 0;
  };
  try {
    for await (const chunk of chunks) {
      batch.push(chunk);
      length += chunk.length;
      if (length >= batchSize) await flush();
    }
    await flush();
  } finally {
    await writing;
  }
  return position;
}

async function writeBatch(file: FileHandle, batch: Uint8Array[], length: number, position: number): Promise<void> {
  const { bytesWritten } = await file.writev(batch, position);
  if (bytesWritten === length) return;
  // A nearly full disk takes a part: the rest says why.
  await writeAll(file, Buffer.concat(batch).subarray(bytesWritten), position + bytesWritten);
}
