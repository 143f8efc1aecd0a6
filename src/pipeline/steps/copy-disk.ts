import { open } from 'node:fs/promises';
import type { BlockSource } from '../../model/format.ts';
import type { StepContext } from '../../model/step.ts';
import { writeAll } from '../../util/files.ts';

const pieceSize = 2 ** 20;
const reportEvery = 32;
const zeros = Buffer.alloc(pieceSize);

/** Writes all that a disk holds into a sparse raw file. */
export async function copyDisk(source: BlockSource, path: string, step: string, { signal, emit }: StepContext): Promise<void> {
  const ranges = (await source.dataIn?.(0, source.size)) ?? [{ offset: 0, length: source.size }];
  const total = ranges.reduce((sum, { length }) => sum + length, 0);
  let done = 0;
  let count = 0;
  await using file = await open(path, 'w');
  await file.truncate(source.size);
  for (const { offset, length } of ranges) {
    for (let start = offset; start < offset + length; ) {
      signal.throwIfAborted();
      // To the next whole piece: formats keep their data in such.
      const end = Math.min(offset + length, (Math.floor(start / pieceSize) + 1) * pieceSize);
      const bytes = await source.read(start, end - start);
      if (!bytes.equals(zeros.subarray(0, bytes.length))) await writeAll(file, bytes, start);
      done += bytes.length;
      start = end;
      count += 1;
      if (count % reportEvery === 0 || done === total) emit({ type: 'step.progress', step, done, total, unit: 'bytes' });
    }
  }
}
