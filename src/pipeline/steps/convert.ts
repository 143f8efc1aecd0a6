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

/** Writes the built disk in all formats; artifacts come in the order of `formats`. Whole machines come last: what is inside them may be there by then. */
export async function convertAll(
  formats: readonly Format[],
  built: Built,
  vm: VmDescription,
  plan: Digest,
  ctx: StepContext,
): Promise<{ artifacts: Converted[]; seconds: [string, number][] }> {
  const made = new Map<Format, Converted>();
  const seconds: [string, number][] = [];
  for (const format of formats.toSorted((a, b) => Number(a.describesVm ?? false) - Number(b.describesVm ?? false))) {
    const paths = Object.fromEntries([...made.values()].map(({ format: id, path }) => [id, path]));
    const step = convertStep(format, { ...built, artifacts: paths }, vm);
    const { output, durationMs } = await runStep(step, convertInput(plan, format, vm), ctx);
    made.set(format, output);
    seconds.push([`convert: ${format.id}`, durationMs / 1000]);
  }
  return { artifacts: formats.flatMap((format) => made.get(format) ?? []), seconds };
}
