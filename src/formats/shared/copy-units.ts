import { type FileHandle, open } from 'node:fs/promises';
import { blocksOf, dataExtents } from '../../disk/extents.ts';
import type { Built } from '../../model/engine.ts';
import type { StepContext } from '../../model/step.ts';
import { writeAll } from './append-file.ts';
import { inLanes } from './lanes.ts';
import { reportProgress } from './progress.ts';
import { readPadded } from './read-exactly.ts';

/** What is left out when it is all zeros. */
export const unitSize = 2 ** 16;
const windowUnits = 16;
const windowSize = windowUnits * unitSize;
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
  let done = 0;
  await inLanes(
    windows,
    windowSize,
    {
      read: (units, buffer) => readUnits(source, units, buffer),
      place: (_, buffer, stored) => placeUnits(stored, buffer, place),
      async write(_, buffer, pieces) {
        for (const { start, end, position } of pieces) await writeAll(target, buffer.subarray(start, end), position);
        done += windowSize;
        reportProgress(ctx, done, windows.length * windowSize);
      },
    },
    ctx.signal,
  );
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
