import { type FileHandle, open } from 'node:fs/promises';
import type { Built } from '../../model/engine.ts';
import type { StepContext } from '../../model/step.ts';
import { writeAll } from './append-file.ts';
import { blocksOf, dataExtents } from '../../disk/extents.ts';
import { reportProgress } from './progress.ts';
import { readPadded } from './read-exactly.ts';

/** What is left out when it is all zeros. */
export const unitSize = 2 ** 16;
const windowUnits = 16;
const windowSize = windowUnits * unitSize;
/** Windows under way at once: one is read while others are written. More did not make it faster. */
const lanes = 4;
const zeros = Buffer.alloc(unitSize);

/** Where a unit goes in the file. Called for each unit that is not zero, in order; `bytes` may be looked at during the call. */
export type PlaceUnit = (unit: number, bytes: Buffer) => number;

interface Piece {
  /** In the window. */
  start: number;
  end: number;
  position: number;
}

/** Copies a disk's units, those that are not zero, to where `place` says. Nothing is read where the disk has holes. */
export async function copyUnits(
  { disk }: Pick<Built, 'disk'>,
  target: FileHandle,
  ctx: Pick<StepContext, 'signal' | 'emit'>,
  place: PlaceUnit,
): Promise<void> {
  const windows = windowsOf(blocksOf(await dataExtents(disk, ctx.signal), unitSize));
  await using source = await open(disk, 'r');
  let next = 0;
  let done = 0;
  const stop = new AbortController();
  const signal = AbortSignal.any([ctx.signal, stop.signal]);
  // Windows are read and written several at once, but placed in their order: the same disk always makes the same file.
  let turn = Promise.resolve();

  const copyWindow = async (units: number[], buffer: Buffer): Promise<void> => {
    const before = turn;
    const mine = Promise.withResolvers<void>();
    turn = mine.promise;
    let pieces: Piece[];
    try {
      const stored = await readUnits(source, units, buffer);
      await before;
      pieces = placeUnits(stored, buffer, place);
    } finally {
      mine.resolve();
    }
    for (const { start, end, position } of pieces) await writeAll(target, buffer.subarray(start, end), position);
    done += windowSize;
    reportProgress(ctx, done, windows.length * windowSize);
  };
  const lane = async (): Promise<void> => {
    const buffer = Buffer.allocUnsafe(windowSize);
    for (let window = windows[next]; window; window = windows[next]) {
      next += 1;
      signal.throwIfAborted();
      await copyWindow(window, buffer);
    }
  };
  // When one fails the others stop too, and are waited for: none may write into a file that was closed.
  await Promise.allSettled(Array.from({ length: lanes }, () => lane().catch((error: unknown) => stop.abort(error))));
  signal.throwIfAborted();
}

/** Units by the window that they lie in. */
function windowsOf(units: number[]): number[][] {
  const windows: number[][] = [];
  let current = -1;
  for (const unit of units) {
    const window = Math.floor(unit / windowUnits);
    if (window === current) windows.at(-1)?.push(unit);
    else windows.push([unit]);
    current = window;
  }
  return windows;
}

/** Reads units of one window into their places in the buffer, those side by side together; tells which are not zero. */
async function readUnits(source: FileHandle, units: number[], buffer: Buffer): Promise<number[]> {
  for (let first = 0; first < units.length; ) {
    let last = first;
    while (units[last + 1] === (units[last] ?? 0) + 1) last += 1;
    const unit = units[first] ?? 0;
    const start = (unit % windowUnits) * unitSize;
    await readPadded(source, buffer.subarray(start, start + (last - first + 1) * unitSize), unit * unitSize);
    first = last + 1;
  }
  return units.filter((unit) => !unitIn(buffer, unit).equals(zeros));
}

function unitIn(buffer: Buffer, unit: number): Buffer {
  const start = (unit % windowUnits) * unitSize;
  return buffer.subarray(start, start + unitSize);
}

/** Places units; those that stay side by side are written together. */
function placeUnits(units: number[], buffer: Buffer, place: PlaceUnit): Piece[] {
  const pieces: Piece[] = [];
  for (const unit of units) {
    const start = (unit % windowUnits) * unitSize;
    const position = place(unit, unitIn(buffer, unit));
    const last = pieces.at(-1);
    if (last?.end === start && last.position + last.end - last.start === position) last.end = start + unitSize;
    else pieces.push({ start, end: start + unitSize, position });
  }
  return pieces;
}
