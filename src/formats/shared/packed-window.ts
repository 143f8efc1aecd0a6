import { constants, deflateRawSync, deflateSync, zstdCompressSync } from 'node:zlib';

/** Bytes of a cluster: the unit that is compressed by itself. */
export const clusterSize = 2 ** 16;
/** A window is so many clusters side by side: the unit of work that goes to another core. */
export const windowClusters = 16;
export const windowSize = windowClusters * clusterSize;

/** Bytes that packed clusters take at the most: a stream of zlib is a little longer than what can't be compressed. */
export const packedSize = windowSize + windowClusters * 64;

/** How clusters are compressed. `zlib` packs every cluster, the others leave those as they are that do not become shorter. The same codec, bytes and zlib/zstd version always give the same result. */
export interface ClusterCodec {
  type: 'zstd' | 'deflate' | 'zlib';
  level: number;
}

/** A window's clusters, compressed, one behind the other. */
export interface PackedWindow {
  /** Bytes of each cluster: 0 when it is all zeros, `clusterSize` when it is stored as it is (not with `zlib`). */
  lengths: number[];
  bytes: Uint8Array;
}

/** A window whose packed form is known: its clusters are copied where `raw` is equal. */
export interface KnownWindow {
  raw: Buffer;
  packed: PackedWindow;
}

const zeros = Buffer.alloc(clusterSize);
const nothing = new Uint8Array();

function compress(cluster: Buffer, codec: ClusterCodec): Uint8Array {
  if (cluster.equals(zeros)) return nothing;
  // Most clusters shrink to less than a half.
  const chunkSize = clusterSize / 2;
  if (codec.type === 'zlib') return deflateSync(cluster, { chunkSize, memLevel: 9, level: codec.level });
  const packed =
    codec.type === 'zstd'
      ? zstdCompressSync(cluster, { chunkSize, params: { [constants.ZSTD_c_compressionLevel]: codec.level } })
      : // Readers of qcow2 use a window of 4 KiB and no more.
        deflateRawSync(cluster, { chunkSize, windowBits: 12, memLevel: 9, level: codec.level });
  return packed.length < clusterSize ? packed : cluster;
}

/**
 * Packs a window of `windowSize` bytes into `target`, which has `packedSize`. With `known`, equal clusters are copied instead of
 * compressed: the result is the same.
 */
export function packWindow(raw: Buffer, codec: ClusterCodec, target: Uint8Array, known?: KnownWindow): PackedWindow {
  const lengths: number[] = [];
  let end = 0;
  let knownEnd = 0;
  for (let index = 0; index < windowClusters; index += 1) {
    const range = [index * clusterSize, (index + 1) * clusterSize];
    const cluster = raw.subarray(...range);
    const knownStart = knownEnd;
    knownEnd += known?.packed.lengths[index] ?? 0;
    const bytes = known?.raw.subarray(...range).equals(cluster)
      ? known.packed.bytes.subarray(knownStart, knownEnd)
      : compress(cluster, codec);
    target.set(bytes, end);
    end += bytes.length;
    lengths.push(bytes.length);
  }
  return { lengths, bytes: target.subarray(0, end) };
}
