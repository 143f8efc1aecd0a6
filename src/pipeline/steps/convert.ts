import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Built } from '../../model/engine.ts';
import type { Artifact, Format } from '../../model/format.ts';
import type { Digest } from '../../util/digest.ts';
import { digestOfFile } from '../../util/digest.ts';
import { stat } from 'node:fs/promises';
import { finishFile } from '../../util/files.ts';
import type { Step } from '../ledger.ts';

export interface Converted extends Artifact {
  /** Where the file lies in the cache. */
  path: string;
}

/** Writes the built disk in one format. The plan and the format decide on every byte of it. */
export function convertStep(format: Format, built: Built): Step<{ plan: Digest; format: string }, Converted> {
  return {
    id: 'convert',
    title: `Writing ${format.id}`,
    revision: 1,
    async run(_input, ctx, folder) {
      const name = `disk.${format.extension}`;
      const path = join(folder, name);
      const part = `${path}.part`;
      try {
        await format.write(built, part, ctx);
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
