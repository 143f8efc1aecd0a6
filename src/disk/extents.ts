import { stat } from 'node:fs/promises';
import type { Extent } from '../model/extent.ts';
import { AppError } from '../util/errors.ts';
import { exec } from '../util/exec.ts';

/**
 * Node has no lseek(SEEK_DATA), Perl (Essential on Debian) has: 5 ms, on every file system that the kernel knows holes on.
 * `filefrag` is as fast but knows no tmpfs, and calls preallocated space data.
 */
const perlScript = `
my $SEEK_DATA = 3; my $SEEK_HOLE = 4; my $ENXIO = 6;
open(my $file, '<', $ARGV[0]) or exit 1;
my $end = 0;
while (defined(my $start = sysseek($file, $end, $SEEK_DATA))) {
  $end = sysseek($file, $start, $SEEK_HOLE);
  exit 1 unless defined $end;
  printf "%d %d\\n", $start, $end;
}
exit($! == $ENXIO ? 0 : 1);
`;

/**
 * Where a sparse file has data, in order. What lies outside is zero; what lies inside may be zero too.
 * Where holes can't be asked for (no Perl, a strange file system), the whole file is one extent: slower, never wrong.
 */
export async function dataExtents(path: string, signal?: AbortSignal, perl = 'perl'): Promise<Extent[]> {
  const { size } = await stat(path);
  const whole = size === 0 ? [] : [{ start: 0, end: size }];
  try {
    const { stdout } = await exec([perl, '-e', perlScript, path], { signal, timeoutMs: 30_000 });
    const lines = stdout.split('\n').filter((line) => line !== '');
    const extents = lines.map((line) => parseExtent(line));
    return inOrder(extents, size) ? extents : whole;
  } catch (error) {
    // Only a help to be faster: without it everything is read.
    if (error instanceof AppError && error.code !== 'CANCELLED') return whole;
    throw error;
  }
}

function parseExtent(line: string): Extent {
  const [start = Number.NaN, end = Number.NaN] = line.split(' ').map(Number);
  return { start, end };
}

function inOrder(extents: Extent[], size: number): boolean {
  let last = 0;
  for (const { start, end } of extents) {
    if (!(start >= last && end > start && end <= size)) return false;
    last = end;
  }
  return true;
}

/** What of `extents` is not in `others`; both are in order. */
export function extentsOutside(extents: readonly Extent[], others: readonly Extent[]): Extent[] {
  const found: Extent[] = [];
  let next = 0;
  for (const extent of extents) {
    let start = extent.start;
    while ((others[next]?.end ?? Infinity) <= start) next += 1;
    for (let index = next; start < extent.end; index += 1) {
      const other = others[index] ?? { start: Infinity, end: Infinity };
      if (other.start > start) found.push({ start, end: Math.min(other.start, extent.end) });
      start = Math.max(start, other.end);
    }
  }
  return found;
}

/** What extents have in common with a range. */
export function extentsIn(extents: readonly Extent[], offset: number, length: number): { offset: number; length: number }[] {
  return extents.flatMap(({ start, end }) => {
    const [from, to] = [Math.max(start, offset), Math.min(end, offset + length)];
    return from < to ? [{ offset: from, length: to - from }] : [];
  });
}

/** The numbers of all blocks of `blockSize` bytes that extents touch, ascending, each once. */
export function blocksOf(extents: readonly Extent[], blockSize: number): number[] {
  const blocks = new Set<number>();
  for (const { start, end } of extents) {
    for (let block = Math.floor(start / blockSize); block * blockSize < end; block += 1) blocks.add(block);
  }
  return [...blocks].toSorted((a, b) => a - b);
}
