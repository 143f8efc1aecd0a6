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

/** Reads `length` bytes at `offset`, fewer only where the file ends. */
export async function readUpTo(file: FileHandle, offset: number, length: number): Promise<Buffer> {
  const target = Buffer.alloc(length);
  let done = 0;
  while (done < length) {
    const { bytesRead } = await file.read(target, done, length - done, offset + done);
    if (bytesRead === 0) break;
    done += bytesRead;
  }
  return target.subarray(0, done);
}
