import { sectorSize } from '../shared/bounds.ts';

/** Cylinders, heads and sectors for BIOS of old. Mostly smaller than the disk: the size field is what counts. */
export interface Geometry {
  cylinders: number;
  heads: number;
  sectors: number;
}

const mostSectors = 65_535 * 16 * 255;

/** As the appendix of the specification computes it. */
export function geometryOf(size: number): Geometry {
  const total = Math.min(size / sectorSize, mostSectors);
  if (total >= 65_535 * 16 * 63) return { cylinders: Math.floor(Math.floor(total / 255) / 16), heads: 16, sectors: 255 };
  let sectors = 17;
  let tracks = Math.floor(total / sectors);
  let heads = Math.max(4, Math.floor((tracks + 1023) / 1024));
  if (tracks >= heads * 1024 || heads > 16) {
    [sectors, heads] = [31, 16];
    tracks = Math.floor(total / sectors);
  }
  if (tracks >= heads * 1024) {
    [sectors, heads] = [63, 16];
    tracks = Math.floor(total / sectors);
  }
  return { cylinders: Math.floor(tracks / heads), heads, sectors };
}
