import { open } from 'node:fs/promises';
import type { Built } from '../model/engine.ts';
import type { Format } from '../model/format.ts';
import type { StepContext } from '../model/step.ts';
import { toAppError } from '../util/errors.ts';
import { writeAll } from './shared/append-file.ts';
import { diskSize } from './shared/bounds.ts';
import { blocksOf, dataExtents } from './shared/extents.ts';
import { openDisk } from './shared/open-disk.ts';
import { reportProgress } from './shared/progress.ts';
import { readUpTo } from './shared/read-exactly.ts';

const pieceSize = 2 ** 20;
const zeros = Buffer.alloc(pieceSize);

/** The disk's bytes as they are, in a sparse file. */
export const raw: Format = {
  id: 'raw',
  extension: 'raw',
  mediaType: 'application/octet-stream',
  requires: [],
  write,
  open: (path) => openDisk(path),
};

async function write(built: Built, path: string, ctx: StepContext): Promise<void> {
  try {
    const size = await diskSize(built);
    const pieces = blocksOf(await dataExtents(built.disk, ctx.signal), pieceSize);
    await using source = await open(built.disk, 'r');
    await using target = await open(path, 'w');
    for (const [index, piece] of pieces.entries()) {
      ctx.signal.throwIfAborted();
      const bytes = await readUpTo(source, piece * pieceSize, pieceSize);
      if (!bytes.equals(zeros.subarray(0, bytes.length))) await writeAll(target, bytes, piece * pieceSize);
      reportProgress(ctx, (index + 1) * pieceSize, pieces.length * pieceSize);
    }
    await target.truncate(size);
  } catch (error) {
    throw toAppError(error, 'BUILD_FAILED', `Writing ${path} as raw`);
  }
}
