import {
  type CatalogOptions,
  compareVersions,
  type PublishedImage,
  type RepairReport,
  type TemplateIndex,
} from '../model/catalog.ts';
import { parseDocument } from '../model/document.ts';
import { type Manifest, manifestSchema } from '../model/manifest.ts';
import type { Store } from '../model/store.ts';
import { digestOf } from '../util/digest.ts';
import { AppError } from '../util/errors.ts';
import { derive } from './change-by-records.ts';
import { openIndex } from './index-document.ts';
import { emptyIndex, readIndex, writeIndex } from './index-file.ts';
import { changesPrefix, historyPrefix, imageOfKey, imagePrefix, indexKey, numberOfKey, templatesPrefix } from './keys.ts';
import { readText } from './read-text.ts';

/**
 * Puts the index of a template right. A damaged or missing one is made again from the newest copy that can be read, the records of changes, and the
 * manifests that lie in the folders of images; what an index names and is not there is taken out of it.
 */
export async function repairIndex(
  store: Store,
  template: string,
  options: CatalogOptions & { apply: boolean },
  signal: AbortSignal | undefined,
): Promise<RepairReport> {
  const findings: string[] = [];
  const tag = (await store.head(indexKey(template)))?.etag;
  const { index, isSound } = await bestIndex(store, template, options, findings);
  const { images: folders, sizes } = await imagesIn(store, template);
  const kept: PublishedImage[] = [];
  for (const image of index.images) {
    const fault = await faultOf(store, image, sizes);
    if (fault === undefined) kept.push(image);
    else findings.push(`${template}@${image.version} is taken out of the index: ${fault}`);
  }
  if (!isSound) {
    for (const { version, digest } of folders) {
      if (kept.some((image) => image.digest === digest)) continue;
      const found = await imageFrom(store, template, version, digest, sizes);
      if (typeof found === 'string') findings.push(`${imagePrefix(template, version, digest)} is no whole image: ${found}`);
      else if (kept.some((image) => image.version === version))
        findings.push(`a second ${template}@${version} is left out: ${digest}`);
      else {
        kept.push(found);
        findings.push(`${template}@${version} was found by its manifest; whether it had been revoked cannot be known from it`);
      }
    }
  }
  const digests = new Set(kept.map(({ digest }) => digest));
  const channels = Object.fromEntries(
    Object.entries(index.channels).filter(([name, { digest, version }]) => {
      if (!digests.has(digest)) findings.push(`the channel ${name} is gone: it pointed at ${version}`);
      return digests.has(digest);
    }),
  );
  const report = { template, findings, images: kept.length, channels: Object.keys(channels).length };
  if (findings.length === 0 || !options.apply) return { ...report, written: false };
  const repaired: TemplateIndex = {
    ...index,
    images: kept.toSorted((a, b) => compareVersions(b.version, a.version)),
    channels,
    proposals: index.proposals.filter(({ digest }) => digests.has(digest)),
  };
  // Readers refuse a number that is lower than one they saw; a copy may be one behind, and without any the clock is ahead of all.
  const sequence = index.sequence === 0 ? (options.now?.() ?? new Date()).getTime() : index.sequence + 2;
  await writeIndex(store, index, repaired, options, tag === undefined ? { ifAbsent: true } : { ifMatch: tag }, signal, sequence);
  return { ...report, written: true };
}

/** The index, or what comes nearest to it. */
async function bestIndex(
  store: Store,
  template: string,
  options: CatalogOptions,
  findings: string[],
): Promise<{ index: TemplateIndex; isSound: boolean }> {
  try {
    const index = await readIndex(store, template, options, 'change');
    if (index) return { index, isSound: true };
    findings.push('there is no index');
  } catch (error) {
    if (!(error instanceof AppError) || !['IMAGE_INVALID', 'SIGNATURE_INVALID'].includes(error.code)) throw error;
    // What a newer Gabarit wrote is not damaged.
    if (error.message.includes('is written as')) throw error;
    findings.push(error.message);
  }
  const copies: string[] = [];
  for await (const { key } of store.list(historyPrefix(template))) copies.push(key);
  for (const key of copies.toSorted((a, b) => numberOfKey(b) - numberOfKey(a))) {
    try {
      const { index } = openIndex(await readText(store, key), template, key, options.trust);
      findings.push(`it is made again from its copy of ${index.updated} (${key})`);
      return { index: await withChanges(store, template, index, options), isSound: false };
    } catch (error) {
      findings.push(`${key} cannot be used: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  findings.push('no copy of it can be read: channels, and which images were revoked, are not known any more');
  return { index: emptyIndex(template), isSound: false };
}

/** A copy with the changes that came after it, where the store is kept by records. */
async function withChanges(
  store: Store,
  template: string,
  index: TemplateIndex,
  options: CatalogOptions,
): Promise<TemplateIndex> {
  for await (const _ of store.list(changesPrefix(template))) return (await derive(store, template, options, index)).merged;
  return index;
}

/** The folders of images, and the size of everything in them. */
async function imagesIn(
  store: Store,
  template: string,
): Promise<{ images: { version: string; digest: string }[]; sizes: Map<string, number> }> {
  const sizes = new Map<string, number>();
  const images = new Map<string, { version: string; digest: string }>();
  for await (const { key, size } of store.list(`${templatesPrefix}${template}/`)) {
    const found = imageOfKey(key);
    if (!found) continue;
    sizes.set(key, size);
    if (found.name === 'manifest.json') images.set(found.digest, { version: found.version, digest: found.digest });
  }
  return { images: [...images.values()], sizes };
}

async function faultOf(store: Store, image: PublishedImage, sizes: ReadonlyMap<string, number>): Promise<string | undefined> {
  const manifest = await manifestAt(store, image.manifest, image.digest);
  return typeof manifest === 'string' ? manifest : missingIn(manifest, image.manifest, sizes);
}

/** A manifest, or why it is none. */
async function manifestAt(store: Store, key: string, digest: string): Promise<Manifest | string> {
  try {
    const text = await readText(store, key);
    if (digestOf(text) !== digest) return 'its manifest is not the one that was published';
    return parseDocument(text, manifestSchema, 'gabarit.manifest/1', key);
  } catch (error) {
    if (error instanceof AppError && error.code === 'NOT_FOUND') return 'its manifest is missing';
    if (error instanceof AppError && error.code === 'IMAGE_INVALID') return error.message;
    throw error;
  }
}

function missingIn(manifest: Manifest, key: string, sizes: ReadonlyMap<string, number>): string | undefined {
  const prefix = key.slice(0, -'manifest.json'.length);
  const wrong = [...manifest.artifacts, ...manifest.evidence].filter(({ name, size }) => sizes.get(prefix + name) !== size);
  return wrong.length === 0 ? undefined : `${wrong.map(({ name }) => name).join(', ')} missing or of another size`;
}

/** What the index says about an image, as far as its manifest tells. */
async function imageFrom(
  store: Store,
  template: string,
  version: string,
  digest: string,
  sizes: ReadonlyMap<string, number>,
): Promise<PublishedImage | string> {
  const prefix = imagePrefix(template, version, digest);
  const manifest = await manifestAt(store, `${prefix}manifest.json`, digest);
  if (typeof manifest === 'string') return manifest;
  const missing = missingIn(manifest, `${prefix}manifest.json`, sizes);
  if (missing !== undefined) return missing;
  if (manifest.template !== template || manifest.version !== version) return `it is ${manifest.template}@${manifest.version}`;
  const signatures = [...sizes.keys()]
    .filter((key) => key.startsWith(`${prefix}manifest.json.`))
    .map((key) => key.slice(prefix.length));
  return {
    template,
    version,
    digest,
    manifest: `${prefix}manifest.json`,
    published: manifest.created,
    created: manifest.created,
    arch: manifest.arch,
    os: manifest.os.pretty,
    artifacts: manifest.artifacts.map((artifact) => ({
      key: prefix + artifact.name,
      format: artifact.format,
      size: artifact.size,
      digest: artifact.digest,
    })),
    checks: manifest.checks,
    signatures,
    ...(manifest.definitions[0] ? { definition: manifest.definitions[0].digest } : {}),
  };
}
