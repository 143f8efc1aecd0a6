import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { compareVersions } from '../model/catalog.ts';
import { parseDocument } from '../model/document.ts';
import { type Manifest, manifestSchema } from '../model/manifest.ts';
import { AppError } from '../util/errors.ts';

/** The folder `out/<template>/`, with one folder a version, each with a manifest. */

/** Reads the manifest of an output folder. @throws AppError NOT_FOUND, IMAGE_INVALID */
export async function readManifest(folder: string): Promise<Manifest> {
  const path = join(folder, 'manifest.json');
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    throw new AppError('NOT_FOUND', `${folder} holds no image: there is no manifest.json`, {
      cause: error,
      hint: 'Give the folder of a version, for example out/debian-12/20261123.1.',
    });
  }
  return parseDocument(text, manifestSchema, 'gabarit.manifest/1', path);
}

/** The newest whole image of a plan, with at least these formats. */
export async function findImageOf(
  templateDir: string,
  plan: string,
  formats: string[],
): Promise<{ version: string; manifest: Manifest } | undefined> {
  for (const version of (await versionsIn(templateDir)).toReversed()) {
    const manifest = await readManifest(join(templateDir, version)).catch(() => undefined);
    if (manifest?.plan !== plan) continue;
    const whole = await Promise.all(
      manifest.artifacts.map(
        async ({ name, size }) => (await stat(join(templateDir, version, name)).catch(() => undefined))?.size === size,
      ),
    );
    if (whole.every(Boolean) && formats.every((format) => manifest.artifacts.some((artifact) => artifact.format === format)))
      return { version, manifest };
  }
  return undefined;
}

/** Versions of a template, the oldest first. */
export async function versionsIn(templateDir: string): Promise<string[]> {
  const names = await readdir(templateDir).catch(() => [] as string[]);
  return names.filter((name) => /^\d{8}\.\d+$/.test(name)).toSorted(compareVersions);
}

/** `YYYYMMDD.N`: the day (UTC), and a count within it; after those in the folder, and after `newerThan`, which may lie elsewhere. */
export async function nextVersion(templateDir: string, now: Date, newerThan?: string): Promise<string> {
  const today = now.toISOString().slice(0, 10).replaceAll('-', '');
  const known = [...(await versionsIn(templateDir)), ...(newerThan === undefined ? [] : [newerThan])];
  // A clock that was ahead must not make what follows look older.
  const [after = ''] = (newerThan ?? '').split('.');
  const day = after > today ? after : today;
  const counts = known.filter((version) => version.startsWith(`${day}.`)).map((version) => Number(version.split('.')[1]));
  return `${day}.${Math.max(0, ...counts) + 1}`;
}
