import type { CatalogOptions, ImageName } from '../model/catalog.ts';
import { lockSchema } from '../model/lock.ts';
import { type Manifest, manifestSchema } from '../model/manifest.ts';
import { parseDocument } from '../model/document.ts';
import type { Store } from '../model/store.ts';
import { readFile } from 'node:fs/promises';
import { digestOf } from '../util/digest.ts';
import { AppError } from '../util/errors.ts';
import { refuseRevoked } from './find-image.ts';
import { readIndex } from './index-file.ts';
import { readText } from './read-text.ts';
import type { OutputFile } from './read-output.ts';

/** Images of a template that are looked at, the newest first. */
const candidates = 20;

/**
 * The published image that an output was built on: of the nearest template that its definition extends, the newest one that was made from the same
 * definition and has no package in another version. Undefined when there is none.
 * @throws AppError REVOKED when that image was revoked: nothing more is built on it
 */
export async function findBase(
  manifest: Manifest,
  evidence: readonly OutputFile[],
  store: Store,
  options: CatalogOptions,
): Promise<ImageName | undefined> {
  const parents = manifest.definitions.slice(1);
  const lock = evidence.find(({ name }) => name === lockFile);
  if (parents.length === 0 || !lock) return undefined;
  const own = versionsIn(await readFile(lock.path, 'utf8'), lock.path);
  for (const { template, digest: definition } of parents) {
    const index = await readIndex(store, template, options);
    const sameDefinition = (index?.images ?? []).filter((image) => image['definition'] === definition);
    for (const image of sameDefinition.slice(0, candidates)) {
      const theirs = await packagesOf(image.manifest, image.digest, store);
      if (!theirs || [...theirs].some(([name, version]) => own.has(name) && own.get(name) !== version)) continue;
      refuseRevoked(image);
      return { template, version: image.version, digest: image.digest };
    }
  }
  return undefined;
}

const lockFile = 'packages.lock.json';

function versionsIn(text: string, where: string): Map<string, string> {
  const parsed = lockSchema.safeParse(JSON.parse(text));
  if (!parsed.success) throw new AppError('IMAGE_INVALID', `${where} is not a list of locked packages`, { cause: parsed.error });
  const installed = parsed.data.packages.filter(({ role }) => role === 'image');
  return new Map(installed.map(({ name, architecture, version }) => [`${name}:${architecture}`, version]));
}

/** The packages of a published image; undefined when it has no list of them. */
async function packagesOf(manifestKey: string, digest: string, store: Store): Promise<Map<string, string> | undefined> {
  const source = await readText(store, manifestKey);
  if (digestOf(source) !== digest) return undefined;
  const manifest = parseDocument(source, manifestSchema, 'gabarit.manifest/1', manifestKey);
  const lock = manifest.evidence.find(({ name }) => name === lockFile);
  if (!lock) return undefined;
  const text = await readText(store, manifestKey.replace(/manifest\.json$/, lockFile));
  return digestOf(text) === lock.digest ? versionsIn(text, `${lockFile} of ${manifestKey}`) : undefined;
}
