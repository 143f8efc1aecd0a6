import { createHash } from 'node:crypto';
import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import type { Built } from '../src/model/engine.ts';
import type { Extent } from '../src/model/extent.ts';
import type { StepContext } from '../src/model/step.ts';
import { describeDisk, type VmDescription } from '../src/model/vm-description.ts';
import { Scope } from '../src/util/scope.ts';

/** Something on a disk: `noise` does not compress, `text` does, `zeros` are written out though a hole would do. */
export interface Piece {
  kind: 'noise' | 'text' | 'zeros';
  offset: number;
  length: number;
}

export interface Disk {
  size: number;
  pieces: Piece[];
}

function bytesOf({ kind, offset, length }: Piece): Buffer {
  if (kind === 'zeros') return Buffer.alloc(length);
  if (kind === 'text') return Buffer.alloc(length, `a line of text at ${offset}\n`);
  return createHash('shake256', { outputLength: length }).update(`${offset} ${length}`).digest();
}

/** Disks of up to 1.5 GiB with up to 10 pieces of up to 300 KiB: sizes off every boundary, holes everywhere, several level-2 tables. */
export const disks: fc.Arbitrary<Disk> = fc
  .oneof(fc.integer({ min: 1, max: 2 ** 20 }), fc.integer({ min: 1, max: 1.5 * 2 ** 30 }))
  .chain((size) => {
    const piece = fc.record({
      kind: fc.constantFrom<Piece['kind']>('noise', 'text', 'zeros'),
      offset: fc.oneof(
        fc.nat(size - 1),
        fc.nat(size - 1).map((offset) => offset - (offset % 2 ** 16)),
      ),
      length: fc.oneof(fc.integer({ min: 1, max: 2 ** 16 }), fc.integer({ min: 1, max: 300 * 2 ** 10 })),
    });
    const fit = (each: Piece): Piece => ({ ...each, length: Math.min(each.length, size - each.offset) });
    return fc.record({ size: fc.constant(size), pieces: fc.array(piece.map(fit), { maxLength: 10 }) });
  });

/** Writes a disk as a sparse file. */
export async function writeDisk(path: string, { size, pieces }: Disk): Promise<void> {
  await using file = await open(path, 'w');
  await file.truncate(size);
  for (const piece of pieces) await file.write(bytesOf(piece), 0, piece.length, piece.offset);
}

/** Where the pieces lie, in order and without overlap. */
export function extentsOf(pieces: Piece[]): Extent[] {
  const extents: Extent[] = [];
  for (const { offset, length } of pieces.toSorted((a, b) => a.offset - b.offset)) {
    const last = extents.at(-1);
    if (last && offset <= last.end) last.end = Math.max(last.end, offset + length);
    else extents.push({ start: offset, end: offset + length });
  }
  return extents;
}

/** What an engine would hand over for that file. */
export function builtOf(disk: string, virtualSize: number, base?: Built['base']): Built {
  return { disk, virtualSize, sourceDateEpoch: 0, timings: {}, tools: {}, ...(base ? { base } : {}) };
}

/** The description of a machine, with these differences. */
export function vmOf(known: Partial<VmDescription> = {}): VmDescription {
  return describeDisk({ name: 'test', ...known });
}

export interface TestFolder extends AsyncDisposable {
  path: string;
  file(name: string): string;
  ctx(signal?: AbortSignal): StepContext;
}

/** A folder for one test, removed at the end of its `await using`. */
export async function testFolder(): Promise<TestFolder> {
  const path = await mkdtemp(join(tmpdir(), 'gabarit-test-'));
  const scope = new Scope();
  return {
    path,
    file: (name) => join(path, name),
    ctx: (signal = new AbortController().signal) => ({
      workdir: path,
      cacheDir: path,
      signal,
      scope,
      offline: true,
      force: false,
      emit: () => undefined,
    }),
    async [Symbol.asyncDispose]() {
      await scope.close();
      await rm(path, { recursive: true });
    },
  };
}
