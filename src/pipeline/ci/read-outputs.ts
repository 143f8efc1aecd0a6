import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { Verdict } from '../../model/check.ts';
import type { Manifest } from '../../model/manifest.ts';
import { AppError, errnoOf } from '../../util/errors.ts';
import { readManifest, versionsIn } from '../output-folder.ts';

/** A built image, as the page of a run tells of it. */
export interface OutputReport {
  folder: string;
  manifest: Manifest;
  verdicts: Verdict[];
  /** It was refused by a check. */
  failed: boolean;
}

const reportSchema = z.looseObject({
  verdicts: z.array(
    z.looseObject({
      check: z.string(),
      title: z.string(),
      status: z.enum(['pass', 'fail', 'warn', 'skip']),
      message: z.string(),
    }),
  ),
});

/** Reads output folders. @throws AppError NOT_FOUND, IMAGE_INVALID */
export async function readOutputs(folders: readonly string[]): Promise<OutputReport[]> {
  return Promise.all(
    folders.map(async (folder) => {
      const manifest = await readManifest(folder);
      const path = join(folder, 'checks.json');
      const parsed = reportSchema.safeParse(
        await readFile(path, 'utf8')
          .then((text): unknown => JSON.parse(text))
          .catch(() => undefined),
      );
      if (!parsed.success) throw new AppError('IMAGE_INVALID', `${path} is no check report`, { hint: 'Build it again.' });
      return { folder, manifest, verdicts: parsed.data.verdicts, failed: manifest.checks.fail > 0 };
    }),
  );
}

/** The newest image of each template below an output folder, one that was refused included. */
export async function newestOutputs(outputDir: string): Promise<string[]> {
  const names = await readdir(outputDir, { withFileTypes: true }).catch((error: unknown) => {
    if (errnoOf(error) === 'ENOENT') return [];
    throw error;
  });
  const found: string[] = [];
  for (const entry of names.filter((name) => name.isDirectory()).toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
    const folder = join(outputDir, entry.name);
    const newest = (await versionsIn(folder)).at(-1);
    // A number that was refused is given out again: what lies there may be older or newer than the last good one.
    const refused = (await readdir(folder))
      .filter((name) => name.endsWith('.failed'))
      .toSorted()
      .at(-1);
    if (newest !== undefined) found.push(join(folder, newest));
    if (refused !== undefined && (newest === undefined || refused.slice(0, -'.failed'.length) > newest))
      found.push(join(folder, refused));
  }
  return found;
}
