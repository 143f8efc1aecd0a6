import {
  type Catalog,
  type Channel,
  channelOf,
  channelsAt,
  isChannelName,
  type PublishedImage,
  type SeenChannel,
  type TemplateIndex,
} from '../model/catalog.ts';
import type { ImageReference } from '../model/image-reference.ts';
import { type Manifest, manifestSchema } from '../model/manifest.ts';
import type { Store } from '../model/store.ts';
import { digestOf } from '../util/digest.ts';
import { AppError } from '../util/errors.ts';
import { didYouMean } from '../util/suggest.ts';
import { findImage } from './find-image.ts';
import { changeIndex, readIndex } from './index-file.ts';
import { templateOfIndexKey, templatesPrefix } from './keys.ts';
import { parseDocument } from '../model/document.ts';
import { readText } from './read-text.ts';

/** The catalog of what was published to a store. */
export function openCatalog(store: Store): Catalog {
  async function templateNames(): Promise<string[]> {
    const names: string[] = [];
    for await (const { key } of store.list(templatesPrefix)) {
      const name = templateOfIndexKey(key);
      if (name !== undefined) names.push(name);
    }
    return names.toSorted();
  }

  async function list(): Promise<TemplateIndex[]> {
    const indexes: TemplateIndex[] = [];
    for (const name of await templateNames()) {
      const index = await readIndex(store, name);
      if (index) indexes.push(index);
    }
    return indexes;
  }

  async function indexOf(template: string): Promise<TemplateIndex> {
    const index = await readIndex(store, template);
    if (index) return index;
    throw new AppError(
      'NOT_FOUND',
      `There is no template ${template} in ${store.url}${didYouMean(template, await templateNames())}`,
      {
        hint: `gabarit catalog ls --store ${store.url} lists what there is.`,
      },
    );
  }

  async function resolve(reference: ImageReference): Promise<PublishedImage> {
    return findImage(await indexOf(reference.template), reference);
  }

  async function show(reference: ImageReference): Promise<{ image: PublishedImage; manifest: Manifest; channels: string[] }> {
    const index = await indexOf(reference.template);
    const image = findImage(index, reference);
    const source = await readText(store, image.manifest);
    if (digestOf(source) !== image.digest) {
      throw new AppError('DIGEST_MISMATCH', `${image.manifest} in ${store.url} is not the manifest that was published`);
    }
    const manifest = parseDocument(source, manifestSchema, 'gabarit.manifest/1', image.manifest);
    return { image, manifest, channels: channelsAt(index, image) };
  }

  async function seen(template: string, channel: string): Promise<SeenChannel> {
    return channelOf(await indexOf(template), channel)?.digest ?? 'none';
  }

  async function promote(
    channel: string,
    reference: ImageReference,
    before: SeenChannel,
    signal?: AbortSignal,
  ): Promise<PublishedImage> {
    if (!isChannelName(channel)) {
      throw new AppError('USAGE', `"${channel}" is not the name of a channel`, {
        hint: 'Channels are lower-case words such as dev or stable.',
      });
    }
    await indexOf(reference.template);
    const index = await changeIndex(store, reference.template, (found) => withChannel(found, channel, reference, before), signal);
    return findImage(index, { template: reference.template, by: 'channel', channel });
  }

  return { url: store.url, list, resolve, show, seen, promote };
}

function withChannel(index: TemplateIndex, channel: string, reference: ImageReference, before: SeenChannel): TemplateIndex {
  const { version, digest } = findImage(index, reference);
  const now = channelOf(index, channel);
  if (now?.digest === digest) return index;
  if ((now?.digest ?? 'none') !== before) {
    throw new AppError(
      'CONFLICT',
      `The channel ${channel} of ${index.template} was moved meanwhile: it points at ${now?.version ?? 'nothing'}`,
      {
        hint: 'Look at it again, then repeat.',
      },
    );
  }
  const moved: Channel = { version, digest, promoted: new Date().toISOString() };
  return { ...index, channels: { ...index.channels, [channel]: moved } };
}
