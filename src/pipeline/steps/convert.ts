import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Built } from '../../model/engine.ts';
import type { Artifact, Format } from '../../model/format.ts';
import type { VmDescription } from '../../model/vm-description.ts';
import type { Digest } from '../../util/digest.ts';
import { digestOfFile } from '../../util/digest.ts';
import { stat } from 'node:fs/promises';
import { finishFile } from '../../util/files.ts';
import type { StepContext } from '../../model/step.ts';
import type { Emit } from '../../util/events.ts';
import { together } from '../../util/together.ts';
import { runStep, type Step } from '../ledger.ts';

export interface Converted extends Artifact {
  /** Where the file lies in the cache. */
  path: string;
}

/** What decides on every byte of an artifact. */
export interface ConvertInput {
  plan: Digest;
  format: string;
  /** Of formats that describe the machine. */
  vm?: VmDescription;
}

function convertInput(plan: Digest, format: Format, vm: VmDescription): ConvertInput {
  return { plan, format: format.id, ...(format.describesVm ? { vm } : {}) };
}

/** Writes the built disk in one format. */
function convertStep(format: Format, built: Built, vm: VmDescription): Step<ConvertInput, Converted> {
  return {
    id: 'convert',
    title: `Writing ${format.id}`,
    revision: 1,
    async run(_input, ctx, folder) {
      const name = `disk.${format.extension}`;
      const path = join(folder, name);
      const part = `${path}.part`;
      try {
        await format.write(built, part, ctx, vm);
        await finishFile(part, path);
      } finally {
        await rm(part, { force: true });
      }
      const digest = await digestOfFile(path, ctx.signal);
      return { format: format.id, name, mediaType: format.mediaType, size: (await stat(path)).size, digest, path };
    },
    files: (output) => [output.path],
  };
}

/**
 * The order in which formats are written: two lanes, side by side. Those that keep all cores busy take turns in the first, so that there are never more workers
 * than cores; those that mostly wait for the disk go in the second. In each, whole machines come last: what is inside them may be there by then.
 */
export function lanesOf<T extends Pick<Format, 'usesAllCores' | 'describesVm'>>(formats: readonly T[]): T[][] {
  const machinesLast = formats.toSorted((a, b) => Number(a.describesVm ?? false) - Number(b.describesVm ?? false));
  return [true, false].map((isBusy) => machinesLast.filter(({ usesAllCores = false }) => usesAllCores === isBusy));
}

/** Writes the built disk in all formats, side by side from one read of it. Artifacts come in the order of `formats`. */
export async function convertAll(
  formats: readonly Format[],
  built: Built,
  vm: VmDescription,
  plan: Digest,
  ctx: StepContext,
): Promise<{ artifacts: Converted[]; seconds: [string, number][] }> {
  const made = new Map<Format, { output: Converted; durationMs: number }>();
  const write = async (format: Format, signal: AbortSignal): Promise<void> => {
    const paths = Object.fromEntries([...made.values()].map(({ output }) => [output.format, output.path]));
    const step = convertStep(format, { ...built, artifacts: paths }, vm);
    const emit = formats.length > 1 ? emitAs(`convert: ${format.id}`, ctx.emit) : ctx.emit;
    made.set(format, await runStep(step, convertInput(plan, format, vm), { ...ctx, signal, emit }));
  };
  const lane = (members: Format[]) => async (signal: AbortSignal) => {
    for (const format of members) await write(format, signal);
  };
  if (!formats.every(({ readsBase }) => readsBase)) await built.complete?.(ctx.signal);
  await together(lanesOf(formats).map(lane), ctx.signal);
  const results = formats.flatMap((format) => made.get(format) ?? []);
  return {
    artifacts: results.map(({ output }) => output),
    seconds: results.map(({ output, durationMs }) => [`convert: ${output.format}`, durationMs / 1000]),
  };
}

/** Steps that go side by side need a name each. */
function emitAs(name: string, emit: Emit): Emit {
  return (event) => emit('step' in event ? { ...event, step: name } : event);
}
