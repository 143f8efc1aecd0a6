import {
  type CatalogOptions,
  compareVersions,
  isChannelName,
  type Promotion,
  type PublishedImage,
  type TemplateIndex,
} from '../model/catalog.ts';
import type { Store } from '../model/store.ts';
import { AppError } from '../util/errors.ts';
import { digestOf } from '../util/digest.ts';
import type { Emit } from '../util/events.ts';
import { runTitled } from '../util/run-titled.ts';
import { changeIndex } from './change-index.ts';
import { findBase } from './find-base.ts';
import { incusMetadata } from './incus-metadata.ts';
import { readIndex } from './index-file.ts';
import { imagePrefix } from './keys.ts';
import { pendingMove, withMove } from './move-channel.ts';
import { putOnce, type Upload } from './put-once.ts';
import { type Output, readOutput } from './read-output.ts';

export interface PublishOptions extends CatalogOptions {
  /** Move this channel to the image, in the same write that makes it visible. */
  channel?: string | undefined;
  /** The job that publishes: what it has published already stays, and this is not published beside it. */
  job?: string | undefined;
  emit: Emit;
  signal?: AbortSignal | undefined;
  /** When all support of an operating system ends, by distribution and release. */
  endOfLife?: (distro: string, release: string) => PublishedImage['endOfLife'];
  /** The signature files of an output, made or verified. @throws AppError SIGNATURE_INVALID */
  signatures?: (output: Output) => Promise<{ name: string; bytes: Uint8Array }[]>;
}

/** What else goes wrong on the way. */
const code = 'STORE_FAILED';

/**
 * Publishes an output folder: proves it, writes artifacts, evidence, manifest and signatures, and only then names them in the index.
 * Publishing the same again changes nothing.
 * @throws AppError IMAGE_INVALID, CHECK_FAILED, REVOKED; CONFLICT when the version is there with another digest
 */
export async function publish(folder: string, store: Store, options: PublishOptions): Promise<Promotion> {
  const { channel, signal, emit } = options;
  if (channel !== undefined && !isChannelName(channel)) {
    throw new AppError('USAGE', `"${channel}" is not the name of a channel`, {
      hint: 'Channels are lower-case words such as dev or stable.',
    });
  }
  const output = await runTitled('compare', 'Compare the files with the manifest', emit, () => readOutput(folder, signal), code);
  const signatures = (await options.signatures?.(output)) ?? [];
  const { image, incus } = await imageOf(output, signatures, store, options);
  const index = await readIndex(store, image.template, options, 'change');
  const earlier = index && publishedBy(index, options.job);
  if (earlier && earlier.digest !== image.digest) return earlier;
  if (index) refuseOtherDigest(index, image, store);
  const uploads = uploadsOf(output, image, signatures, incus);
  await runTitled('upload', `Write to ${store.url}`, emit, () => upload(uploads, image, store, options), code);
  const name = async (): Promise<TemplateIndex> => {
    await proveWhole(uploads, store);
    return changeIndex(store, image.template, (found) => withImage(found, image, store, options), options, signal);
  };
  const after = await runTitled('index', 'Name it in the index', emit, name, code);
  const published = publishedBy(after, options.job) ?? after.images.find(({ version }) => version === image.version) ?? image;
  const pending = channel === undefined ? undefined : pendingMove(after, channel, published);
  return pending ? { ...published, pending } : published;
}

async function imageOf(
  { manifest, digest, artifacts, folder, evidence }: Output,
  signatures: { name: string }[],
  store: Store,
  options: PublishOptions,
): Promise<{ image: PublishedImage; incus: Uint8Array | undefined }> {
  const { template, version } = manifest;
  if (!/^[a-z0-9][a-z0-9._-]{0,62}$/.test(template)) {
    throw new AppError('IMAGE_INVALID', `The manifest names a template "${template}", which is no name for ${store.url}`);
  }
  const prefix = imagePrefix(template, version, digest);
  const basedOn = await findBase(manifest, evidence, store, options);
  const endOfLife = options.endOfLife?.(manifest.os.distro, manifest.os.release);
  const incus = await incusMetadata(manifest, folder, prefix, options.signal);
  const image: PublishedImage = {
    template,
    version,
    digest,
    manifest: `${prefix}manifest.json`,
    published: (options.now?.() ?? new Date()).toISOString(),
    created: manifest.created,
    arch: manifest.arch,
    os: manifest.os.pretty,
    artifacts: manifest.artifacts.map(({ name, format }, at) => ({
      key: prefix + name,
      format,
      size: artifacts[at]?.size ?? 0,
      digest: artifacts[at]?.digest ?? '',
    })),
    checks: manifest.checks,
    signatures: signatures.map(({ name }) => name),
    ...(manifest.definitions[0] ? { definition: manifest.definitions[0].digest } : {}),
    ...(basedOn ? { basedOn } : {}),
    ...(endOfLife ? { endOfLife } : {}),
    ...(incus ? { incus: incus.object } : {}),
    ...(options.job === undefined ? {} : { job: options.job }),
  };
  return { image, incus: incus?.bytes };
}

/** What a job has published: an earlier attempt of it, perhaps on another host. */
function publishedBy(index: TemplateIndex, job: string | undefined): PublishedImage | undefined {
  return job === undefined ? undefined : index.images.find((image) => image.job === job);
}

function refuseOtherDigest(index: TemplateIndex, image: PublishedImage, store: Store): void {
  const found = index.images.find(({ version }) => version === image.version);
  if (found && found.digest !== image.digest) {
    throw new AppError(
      'CONFLICT',
      `${image.template}@${image.version} is already in ${store.url}, with other content (${found.digest})`,
      {
        hint: 'Published versions never change: build a new version.',
      },
    );
  }
}

interface Planned extends Upload {
  /** Signatures of the same thing differ: what is there already stays. */
  keep?: boolean;
}

function uploadsOf(
  output: Output,
  image: PublishedImage,
  signatures: { name: string; bytes: Uint8Array }[],
  incus: Uint8Array | undefined,
): Planned[] {
  const prefix = imagePrefix(image.template, image.version, image.digest);
  const inMemory = (name: string, bytes: Uint8Array, keep = false): Planned => ({
    key: prefix + name,
    size: bytes.length,
    digest: digestOf(bytes),
    source: { bytes },
    keep,
  });
  return [
    ...[...output.artifacts, ...output.evidence].map(({ name, path, size, digest }) => ({
      key: prefix + name,
      size,
      digest,
      source: { path },
    })),
    ...(image.incus && incus ? [inMemory(image.incus.key.slice(prefix.length), incus)] : []),
    inMemory('manifest.json', output.manifestBytes),
    ...signatures.map(({ name, bytes }) => inMemory(name, bytes, true)),
  ];
}

async function upload(uploads: Planned[], image: PublishedImage, store: Store, options: PublishOptions): Promise<void> {
  const prefix = imagePrefix(image.template, image.version, image.digest);
  const total = uploads.reduce((sum, { size }) => sum + size, 0);
  let before = 0;
  for (const item of uploads) {
    const onProgress = (bytes: number): void =>
      options.emit({
        type: 'step.progress',
        step: 'upload',
        done: before + bytes,
        total,
        unit: 'bytes',
        note: item.key.slice(prefix.length),
      });
    if (!item.keep || !(await store.head(item.key))) await putOnce(store, item, { signal: options.signal, onProgress });
    before += item.size;
  }
}

/** Looks at everything once more before the index names it: somebody may have swept away what lay there unnamed. */
async function proveWhole(uploads: Planned[], store: Store): Promise<void> {
  const found = await Promise.all(uploads.map(async ({ key }) => (await store.head(key))?.size));
  const missing = uploads.filter(({ size, keep }, at) => (keep ? found[at] === undefined : found[at] !== size));
  if (missing.length === 0) return;
  throw new AppError(
    'STORE_FAILED',
    `${missing.map(({ key }) => key).join(', ')} cannot be found in ${store.url} after the upload`,
    {
      hint: 'Publish again: what is there is not sent again.',
    },
  );
}

/** Every publisher's image stays, whatever the order in which they write. */
function withImage(index: TemplateIndex, image: PublishedImage, store: Store, options: PublishOptions): TemplateIndex {
  const earlier = publishedBy(index, options.job);
  if (earlier) return options.channel === undefined ? index : withMove(index, options.channel, earlier, undefined, options);
  refuseOtherDigest(index, image, store);
  const found = index.images.find(({ version }) => version === image.version);
  const next = found
    ? index
    : { ...index, images: [...index.images, image].toSorted((a, b) => compareVersions(b.version, a.version)) };
  return options.channel === undefined ? next : withMove(next, options.channel, found ?? image, undefined, options);
}
