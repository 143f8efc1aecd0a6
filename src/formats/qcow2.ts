import { open } from 'node:fs/promises';
import type { Built } from '../model/engine.ts';
import type { Format } from '../model/format.ts';
import type { StepContext } from '../model/step.ts';
import { toAppError } from '../util/errors.ts';
import { type Compression, magic } from './qcow2/header.ts';
import { inspectQcow2 } from './qcow2/inspect.ts';
import { readQcow2 } from './qcow2/read.ts';
import { Qcow2Writer } from './qcow2/write.ts';
import { diskSize } from './shared/bounds.ts';
import { openWith } from './shared/image-bytes.ts';
import { packDisk } from './shared/pack-disk.ts';
import type { ClusterCodec } from './shared/packed-window.ts';
import { reportProgress } from './shared/progress.ts';

/** How a qcow2's clusters are compressed. */
export type Qcow2Codec = ClusterCodec & { type: Compression };

/** qcow2 with another compression: `deflate` for readers older than QEMU 5.1 (2020). */
export function qcow2With(codec: Qcow2Codec): Format {
  return {
    id: 'qcow2',
    extension: 'qcow2',
    mediaType: 'application/x-qemu-disk',
    requires: [],
    options: { compression: ['zstd', 'deflate'] },
    with: ({ compression }) => qcow2With(compression === 'deflate' ? { type: 'deflate', level: 6 } : codec),
    usesAllCores: true,
    readsBase: true,
    write: (built, path, ctx) => write(built, path, codec, ctx),
    open: (path) => openWith(path, 'qcow2', readQcow2),
    inspect: (path) => openWith(path, 'qcow2', async (image) => inspectQcow2(image)),
    recognizes: ({ head }) => head.length >= 4 && head.readUInt32BE(0) === magic,
  };
}

/** QEMU's disk format, version 3, every cluster compressed by zstd. */
export const qcow2 = qcow2With({ type: 'zstd', level: 4 });

async function write(built: Built, path: string, codec: Qcow2Codec, ctx: StepContext): Promise<void> {
  try {
    const size = await diskSize(built);
    await using file = await open(path, 'w');
    const writer = new Qcow2Writer(file, size, codec.type);
    for await (const { window, packed, done, total } of packDisk(built, codec, ctx.signal)) {
      await writer.add(window, packed);
      reportProgress(ctx, done, total);
    }
    await writer.finish();
  } catch (error) {
    throw toAppError(error, 'BUILD_FAILED', `Writing ${path} as qcow2`);
  }
}
