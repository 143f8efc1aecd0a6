import { type FileHandle, open, writeFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { dataExtents, extentsOutside } from '../../disk/extents.ts';
import type { Extent } from '../../model/extent.ts';
import { AppError, toAppError } from '../../util/errors.ts';

const pieceSize = 1 << 20;

/**
 * Makes the raw disk in a disk layer whole: fills in everything from the base but for the changes, which it holds already. It is the same
 * file before, meanwhile and afterwards for whoever reads the base too; an interrupted one is simply filled again.
 */
export async function completeDisk(folder: string, base: string, changes: Extent[], signal: AbortSignal): Promise<void> {
  const mark = join(folder, 'whole');
  if (existsSync(mark)) return;
  try {
    await using source = await open(base, 'r');
    await using target = await open(join(folder, 'disk.raw'), 'r+');
    for (const extent of extentsOutside(await dataExtents(base, signal), changes))
      await copyExtent(source, target, extent, signal);
    await target.sync();
    await writeFile(mark, '');
  } catch (error) {
    throw toAppError(error, 'BUILD_FAILED', `Completing ${join(folder, 'disk.raw')}`);
  }
}

async function copyExtent(source: FileHandle, target: FileHandle, { start, end }: Extent, signal: AbortSignal): Promise<void> {
  const buffer = Buffer.allocUnsafe(Math.min(pieceSize, end - start));
  for (let offset = start; offset < end; ) {
    signal.throwIfAborted();
    const { bytesRead } = await source.read(buffer, 0, Math.min(buffer.length, end - offset), offset);
    if (bytesRead === 0) throw new AppError('BUILD_FAILED', "The base's disk is shorter than it was");
    await target.write(buffer, 0, bytesRead, offset);
    offset += bytesRead;
  }
}
