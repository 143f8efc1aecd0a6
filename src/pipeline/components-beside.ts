import { readFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { componentListSchema } from '../model/component-list.ts';
import type { ComponentsInspection } from '../model/inspection.ts';
import { digestOf } from '../util/digest.ts';
import { errnoOf } from '../util/errors.ts';
import { readManifest } from './output-folder.ts';

const listName = 'sbom.cdx.json';

/** What the list of components beside an image tells; undefined where there is none. */
export async function componentsBeside(path: string, size: number): Promise<ComponentsInspection | undefined> {
  const folder = dirname(path);
  const file = join(folder, listName);
  const bytes = await readFile(file).catch((error: unknown) => {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  });
  if (!bytes) return undefined;
  const list = componentListSchema.safeParse(jsonOf(bytes));
  if (!list.success) return undefined;
  const packages = list.data.components.filter(({ type }) => type !== 'operating-system');
  const manifest = await readManifest(folder).catch(() => undefined);
  const names =
    manifest?.artifacts.some((artifact) => artifact.name === basename(path) && artifact.size === size) === true &&
    manifest.evidence.some(({ name, digest }) => name === listName && digest === digestOf(bytes));
  return {
    file,
    format: `CycloneDX ${list.data.specVersion}`,
    packages: packages.length,
    withDigest: packages.filter(({ hashes }) => hashes.length > 0).length,
    withLicence: packages.filter(({ licenses }) => licenses.length > 0).length,
    ofThisImage: names,
  };
}

function jsonOf(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString());
  } catch {
    return undefined;
  }
}
