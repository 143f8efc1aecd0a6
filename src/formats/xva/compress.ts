import { availableParallelism } from 'node:os';
import { promisify } from 'node:util';
import { constants, gzip, zstdCompress } from 'node:zlib';
import { inOrder } from '../shared/in-order.ts';

/** How the whole file is packed: hosts find out by themselves. */
export type Compression = 'none' | 'zstd' | 'gzip';

const pieceSize = 4 * 2 ** 20;
/** Room for a whole piece in most cases: each further one costs a way to another thread. */
const chunkSize = pieceSize / 2;
const packers = {
  zstd: (piece: Buffer) => promisify(zstdCompress)(piece, { chunkSize, params: { [constants.ZSTD_c_compressionLevel]: 3 } }),
  gzip: (piece: Buffer) => promisify(gzip)(piece, { chunkSize, level: 6 }),
};

/** Packs a stream on all cores: pieces become frames (members, in gzip's words) of their own, one behind the other, which every reader joins again. */
export async function* compressed(
  chunks: AsyncIterable<Uint8Array>,
  compression: Exclude<Compression, 'none'>,
): AsyncGenerator<Buffer, void, undefined> {
  yield* inOrder(pieces(chunks), Math.min(availableParallelism(), 8), packers[compression]);
}

async function* pieces(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer, void, undefined> {
  let waiting: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of chunks) {
    waiting.push(chunk);
    length += chunk.length;
    if (length < pieceSize) continue;
    yield Buffer.concat(waiting);
    waiting = [];
    length = 0;
  }
  if (length > 0) yield Buffer.concat(waiting);
}
