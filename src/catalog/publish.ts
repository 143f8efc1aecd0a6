import { channelOf, compareVersions, isChannelName, type PublishedImage, type TemplateIndex } from '../model/catalog.ts';
import type { Store } from '../model/store.ts';
import { AppError } from '../util/errors.ts';
import type { Emit } from '../util/events.ts';
import { changeIndex, readIndex } from './index-file.ts';
import { imagePrefix } from './keys.ts';
import { putOnce, type Upload } from './put-once.ts';
import { type Output, readOutput } from './read-output.ts';

export interface PublishOptions {
  /** Move this channel to the image, in the same write that makes it visible. */
  channel?: string | undefined;
  emit: Emit;
  signal?: AbortSignal | undefined;
}

/**
 * Publishes an output folder: proves it, writes artifacts, evidence and manifest, and only then names them in the index. Publishing
 * the same again changes nothing.
 * @throws AppError IMAGE_INVALID, CHECK_FAILED; CONFLICT when the version is there with another digest
 */
export async function publish(folder: string, store: Store, options: PublishOptions): Promise<PublishedImage> {
  const { channel, signal } = options;
  if (channel !== undefined && !isChannelName(channel)) {
    throw new AppError('USAGE', `"${channel}" is not the name of a channel`, {
      hint: 'Channels are lower-case words such as dev or stable.',
    });
  }
  const output = await step('check', 'Compare the files with the manifest', options.emit, () => readOutput(folder, signal));
  const image = imageOf(output, store);
  const index = await readIndex(store, image.template);
  if (index) refuseOtherDigest(index, image, store);
  await step('upload', `Write to ${store.url}`, options.emit, () => upload(output, image, store, options));
  const after = await step('index', 'Name it in the index', options.emit, () =>
    changeIndex(store, image.template, (found) => withImage(found, image, channel, store), signal),
  );
  return after.images.find(({ version }) => version === image.version) ?? image;
}

function imageOf({ manifest, digest, artifacts }: Output, store: Store): PublishedImage {
  const { template, version } = manifest;
  if (!/^[a-z0-9][a-z0-9._-]{0,62}$/.test(template)) {
    throw new AppError('IMAGE_INVALID', `The manifest names a template "${template}", which is no name for ${store.url}`);
  }
  const prefix = imagePrefix(template, version, digest);
  return {
    template,
    version,
    digest,
    manifest: `${prefix}manifest.json`,
    published: new Date().toISOString(),
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
  };
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

async function upload(output: Output, image: PublishedImage, store: Store, options: PublishOptions): Promise<void> {
  const prefix = imagePrefix(image.template, image.version, image.digest);
  const uploads: Upload[] = [...output.artifacts, ...output.evidence].map(({ name, path, size, digest }) => ({
    key: prefix + name,
    size,
    digest,
    source: { path },
  }));
  const { manifestBytes, digest } = output;
  uploads.push({ key: image.manifest, size: manifestBytes.length, digest, source: { bytes: manifestBytes } });
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
    await putOnce(store, item, { signal: options.signal, onProgress });
    before += item.size;
  }
}

/** Every publisher's image stays, whatever the order in which they write. */
function withImage(index: TemplateIndex, image: PublishedImage, channel: string | undefined, store: Store): TemplateIndex {
  refuseOtherDigest(index, image, store);
  const isNew = !index.images.some(({ version }) => version === image.version);
  const moves = channel !== undefined && channelOf(index, channel)?.digest !== image.digest;
  if (!isNew && !moves) return index;
  const images = isNew ? [...index.images, image].toSorted((a, b) => compareVersions(b.version, a.version)) : index.images;
  const { version, digest } = image;
  const channels = moves
    ? { ...index.channels, [channel]: { version, digest, promoted: new Date().toISOString() } }
    : index.channels;
  return { ...index, images, channels };
}

async function step<T>(id: string, title: string, emit: Emit, work: () => Promise<T>): Promise<T> {
  const started = performance.now();
  emit({ type: 'step.started', step: id, title });
  try {
    const result = await work();
    emit({ type: 'step.finished', step: id, durationMs: performance.now() - started, reused: false });
    return result;
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    emit({ type: 'step.failed', step: id, durationMs: performance.now() - started, message });
    throw error;
  }
}
