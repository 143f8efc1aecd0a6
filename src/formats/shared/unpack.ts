import { Readable } from 'node:stream';
import { createGunzip, createZstdDecompress } from 'node:zlib';
import { ZstdFrames } from './zstd-frames.ts';

/** The bytes of a packed stream, however many frames it has. @throws an error of zlib where it is damaged or cut off */
export async function* unpack(packed: Readable, compression: 'zstd' | 'gzip'): AsyncGenerator<Buffer, void, undefined> {
  try {
    if (compression === 'gzip') {
      yield* through(packed, createGunzip());
      return;
    }
    const frames = new ZstdFrames(packed as AsyncIterable<Buffer>);
    while (await frames.next()) yield* through(Readable.from(frames.frame()), createZstdDecompress());
  } finally {
    packed.destroy();
  }
}

async function* through(
  packed: Readable,
  unpacker: NodeJS.ReadWriteStream & { destroy(error?: Error): void },
): AsyncGenerator<Buffer> {
  packed.on('error', (error) => unpacker.destroy(error));
  try {
    for await (const chunk of packed.pipe(unpacker)) yield chunk as Buffer;
  } finally {
    packed.destroy();
    unpacker.destroy();
  }
}
