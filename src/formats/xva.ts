import { open } from 'node:fs/promises';
import type { Built } from '../model/engine.ts';
import type { Format } from '../model/format.ts';
import type { StepContext } from '../model/step.ts';
import type { VmDescription } from '../model/vm-description.ts';
import { toAppError } from '../util/errors.ts';
import { writeChunks } from './shared/append-stream.ts';
import { diskSize } from './shared/bounds.ts';
import { openWith } from './shared/image-bytes.ts';
import { plainSource } from './shared/plain-source.ts';
import { reportProgress } from './shared/progress.ts';
import { blockSize } from './xva/blocks.ts';
import type { ChecksumKind } from './xva/checksum.ts';
import { type Compression, compressed } from './xva/compress.ts';
import { inspectXva } from './xva/inspect.ts';
import { openXva } from './xva/read.ts';
import { recognizesXva } from './xva/spool.ts';
import { xvaFileChunks, xvaMediaType } from './xva/stream.ts';
import { writeXva } from './xva/write.ts';

interface Choices {
  checksum: ChecksumKind;
  compression: Compression;
}

/** XVA with other checksums (`sha1` for hosts older than XenServer and XCP-ng 8.1), or packed as a whole. */
export function xvaWith(choices: Choices): Format {
  return {
    id: 'xva',
    extension: 'xva',
    mediaType: xvaMediaType,
    requires: [],
    describesVm: true,
    options: { checksum: ['xxhash', 'sha1'], compression: ['none', 'zstd', 'gzip'] },
    with: (others) => xvaWith({ ...choices, ...others }),
    write: (built, path, ctx, vm) => write(built, path, choices, ctx, vm),
    open: openXva,
    recognizes: recognizesXva,
    inspect: inspectXva,
  };
}

/** What XCP-ng and XenServer import and export: a whole machine with its disks in one file. */
export const xva = xvaWith({ checksum: 'xxhash', compression: 'none' });

async function write(
  built: Built,
  path: string,
  { checksum, compression }: Choices,
  ctx: StepContext,
  vm: VmDescription,
): Promise<void> {
  try {
    const size = await diskSize(built, blockSize);
    await using file = await open(path, 'w');
    if (compression === 'none') return await writeXva(built, size, file, checksum, ctx, vm);
    const source = await openWith(built.disk, 'raw', (image) => plainSource(image, image.size));
    try {
      const onProgress = (done: number, total: number): void => reportProgress(ctx, done, total);
      const chunks = xvaFileChunks([{ source, size }], vm, { checksum, signal: ctx.signal, onProgress });
      await writeChunks(file, compressed(chunks, compression));
    } finally {
      await source.close();
    }
  } catch (error) {
    throw toAppError(error, 'BUILD_FAILED', `Writing ${path} as xva`);
  }
}
