import { sectorSize } from '../bounds.ts';

/** In compressed files a marker of one sector stands before each piece of metadata; before a grain it has 12 bytes, and the data follows. */
export type MarkerType = 'end' | 'table' | 'directory' | 'footer';
const types: Record<MarkerType, number> = { end: 0, table: 1, directory: 2, footer: 3 };
export const grainMarkerSize = 12;

export function metadataMarker(type: MarkerType, sectors: number): Buffer {
  const marker = Buffer.alloc(sectorSize);
  marker.writeBigUInt64LE(BigInt(sectors), 0);
  marker.writeUInt32LE(types[type], 12);
  return marker;
}

/** `sector` is the grain's first on the disk, `size` the bytes of its stream. */
export function grainMarker(sector: number, size: number): Buffer {
  const marker = Buffer.alloc(grainMarkerSize);
  marker.writeBigUInt64LE(BigInt(sector), 0);
  marker.writeUInt32LE(size, 8);
  return marker;
}

/** Whether a sector is exactly this marker. */
export function isMarker(bytes: Buffer, type: MarkerType, sectors: number): boolean {
  return bytes.subarray(0, 16).equals(metadataMarker(type, sectors).subarray(0, 16));
}

/** What a grain's marker says. */
export function parseGrainMarker(bytes: Buffer): { sector: number; size: number } {
  return { sector: Number(bytes.readBigUInt64LE(0)), size: bytes.readUInt32LE(8) };
}
