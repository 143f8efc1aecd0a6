import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
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
  const value: unknown = parse(text);
  const schema = value !== null && typeof value === 'object' && 'schema' in value ? String(value.schema) : '';
  if (/^gabarit\.manifest\/(?!1$)\d+$/.test(schema)) {
    throw new AppError('IMAGE_INVALID', `${path} is of a newer kind (${schema}) than this Gabarit knows`, {
      hint: 'Use a newer Gabarit.',
    });
  }
  const parsed = manifestSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new AppError('IMAGE_INVALID', `${path} is not a manifest`, {
    faults: parsed.error.issues.map((issue) => ({ file: path, message: `${issue.path.join('.')}: ${issue.message}` })),
  });
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
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

function compareVersions(a: string, b: string): number {
  const [dateA = 0, countA = 0] = a.split('.').map(Number);
  const [dateB = 0, countB = 0] = b.split('.').map(Number);
  return dateA - dateB || countA - countB;
}

/** `YYYYMMDD.N`: the day (UTC), and a count within it. */
export async function nextVersion(templateDir: string, now: Date): Promise<string> {
  const day = now.toISOString().slice(0, 10).replaceAll('-', '');
  const counts = (await versionsIn(templateDir))
    .filter((version) => version.startsWith(`${day}.`))
    .map((version) => Number(version.split('.')[1]));
  return `${day}.${Math.max(0, ...counts) + 1}`;
}
