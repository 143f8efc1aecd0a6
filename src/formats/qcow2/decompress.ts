import { inflateRawSync, zstdDecompressSync } from 'node:zlib';
import type { Compression } from './header.ts';

/**
 * One cluster from its compressed bytes, which end anywhere in the last sector: what follows the stream is not ours to read.
 * @throws an error of zlib or RangeError when the bytes do not give exactly `clusterSize` bytes
 */
export function decompressCluster(data: Buffer, compression: Compression, clusterSize: number): Buffer {
  const cluster = compression === 'zstd' ? unzstd(data, clusterSize) : inflateRawSync(data, { maxOutputLength: clusterSize });
  if (cluster.length !== clusterSize) throw new RangeError(`a cluster of ${cluster.length} bytes`);
  return cluster;
}

/** A cluster may consist of several frames. */
function unzstd(data: Buffer, clusterSize: number): Buffer {
  const parts: Buffer[] = [];
  let total = 0;
  let position = 0;
  while (total < clusterSize) {
    const length = frameLength(data, position);
    const part = zstdDecompressSync(data.subarray(position, position + length), { maxOutputLength: clusterSize - total });
    parts.push(part);
    total += part.length;
    position += length;
  }
  return Buffer.concat(parts);
}

/** Bytes of the zstd frame at `start` (RFC 8878, section 3.1.1): zlib for zstd wants to be given no byte more. */
function frameLength(data: Buffer, start: number): number {
  if (data.readUInt32LE(start) !== 0xfd2fb528) throw new RangeError('no zstd frame');
  const descriptor = data.readUInt8(start + 4);
  const singleSegment = (descriptor & 0x20) !== 0;
  const contentSize = [singleSegment ? 1 : 0, 2, 4, 8][descriptor >> 6] ?? 0;
  const dictionaryId = [0, 1, 2, 4][descriptor & 3] ?? 0;
  let position = start + 5 + (singleSegment ? 0 : 1) + dictionaryId + contentSize;
  for (let last = false; !last; ) {
    const block = data.readUIntLE(position, 3);
    last = (block & 1) !== 0;
    const repeated = ((block >> 1) & 3) === 1;
    position += 3 + (repeated ? 1 : block >> 3);
  }
  return position + ((descriptor & 4) !== 0 ? 4 : 0) - start;
}
