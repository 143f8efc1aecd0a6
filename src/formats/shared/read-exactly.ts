import { readSync } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';

/** Fills `target` from a file at `offset`; what lies past the file's end becomes zero. */
export function readPaddedSync(fd: number, target: Uint8Array, offset: number): void {
  let done = 0;
  while (done < target.length) {
    const count = readSync(fd, target, done, target.length - done, offset + done);
    if (count === 0) break;
    done += count;
  }
  target.fill(0, done);
}

/** The same without waiting in this thread. */
export async function readPadded(file: FileHandle, target: Uint8Array, offset: number): Promise<void> {
  target.fill(0, await readInto(file, target, offset));
}

/** Reads `length` bytes at `offset`, fewer only where the file ends. */
export async function readUpTo(file: FileHandle, offset: number, length: number): Promise<Buffer> {
  const target = Buffer.alloc(length);
  return target.subarray(0, await readInto(file, target, offset));
}

/** How many bytes of `target` the file could fill. */
async function readInto(file: FileHandle, target: Uint8Array, offset: number): Promise<number> {
  let done = 0;
  while (done < target.length) {
    const { bytesRead } = await file.read(target, done, target.length - done, offset + done);
    if (bytesRead === 0) break;
    done += bytesRead;
  }
  return done;
}
