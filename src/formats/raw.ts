import { open } from 'node:fs/promises';
import type { Built } from '../model/engine.ts';
import type { BlockSource, Format } from '../model/format.ts';
import type { StepContext } from '../model/step.ts';
import { AppError, toAppError } from '../util/errors.ts';
import { writeAll } from './shared/append-file.ts';
import { checkRange, diskSize } from './shared/bounds.ts';
import { blocksOf, dataExtents, type Extent } from './shared/extents.ts';
import { openImage } from './shared/open-image.ts';
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
  open: openRaw,
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

async function openRaw(path: string): Promise<BlockSource> {
  const { file, size } = await openImage(path);
  let extents: Promise<Extent[]> | undefined;
  return {
    size,
    async read(offset, length) {
      checkRange(path, size, offset, length);
      const bytes = await readUpTo(file, offset, length);
      if (bytes.length < length) throw new AppError('IMAGE_INVALID', `${path} became shorter while it was read`);
      return bytes;
    },
    async dataIn(offset, length) {
      extents ??= dataExtents(path);
      return (await extents).flatMap(({ start, end }) => {
        const [from, to] = [Math.max(start, offset), Math.min(end, offset + length)];
        return from < to ? [{ offset: from, length: to - from }] : [];
      });
    },
    close: () => file.close(),
  };
}
