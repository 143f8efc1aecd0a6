import {
  type Ancestry,
  type Catalog,
  type CatalogOptions,
  channelOf,
  channelsAt,
  isChannelName,
  type Promotion,
  type PublishedImage,
  type RepairReport,
  type SeenChannel,
  type TemplateIndex,
} from '../model/catalog.ts';
import { parseDocument } from '../model/document.ts';
import type { ImageReference } from '../model/image-reference.ts';
import { type Manifest, manifestSchema } from '../model/manifest.ts';
import type { Store } from '../model/store.ts';
import { buffer } from 'node:stream/consumers';
import { digestOf } from '../util/digest.ts';
import { AppError } from '../util/errors.ts';
import { didYouMean } from '../util/suggest.ts';
import { changeIndex } from './change-index.ts';
import { findImage, refuseRevoked } from './find-image.ts';
import { readIndex } from './index-file.ts';
import { pendingMove, withApprovalOf, withMove } from './move-channel.ts';
import { pruneImages } from './prune.ts';
import { readText } from './read-text.ts';
import { repairIndex } from './repair.ts';
import { ancestorsOf, descendantsOf, restoreImage, revokeImage } from './revoke.ts';
import { supportFault } from '../model/support.ts';
import { templateNames } from './template-names.ts';
import { renewSite, writeSite } from './write-site.ts';

/** The catalog of what was published to a store. */
export function openCatalog(store: Store, options: CatalogOptions = {}): Catalog {
  async function list(template?: string): Promise<TemplateIndex[]> {
    if (template !== undefined) return [await indexOf(template)];
    const indexes: TemplateIndex[] = [];
    for (const name of await templateNames(store)) {
      const index = await readIndex(store, name, options);
      if (index) indexes.push(index);
    }
    return indexes;
  }

  async function indexOf(template: string): Promise<TemplateIndex> {
    const index = await readIndex(store, template, options);
    if (index) return index;
    throw new AppError(
      'NOT_FOUND',
      `There is no template ${template} in ${store.url}${didYouMean(template, await templateNames(store))}`,
      {
        hint: `gabarit catalog ls --store ${store.url} lists what there is.`,
      },
    );
  }

  async function find(reference: ImageReference): Promise<PublishedImage> {
    return findImage(await indexOf(reference.template), reference);
  }

  async function resolve(reference: ImageReference): Promise<PublishedImage> {
    const image = await find(reference);
    refuseRevoked(image);
    // An index of its own may lag behind that of what it was built on.
    for (const ancestor of await ancestorsOf(store, image, options)) {
      if (!ancestor.image?.revoked) continue;
      const { template, version, digest } = ancestor.name;
      refuseRevoked({ ...image, revoked: { ...ancestor.image.revoked, inherited: { template, version, digest } } });
    }
    const fault = supportFault(image, options.now?.() ?? new Date());
    if (fault !== undefined) options.emit?.({ type: 'log', level: 'warn', message: fault });
    return image;
  }

  async function manifestOf(image: PublishedImage): Promise<Manifest> {
    const source = await readText(store, image.manifest);
    if (digestOf(source) !== image.digest) {
      throw new AppError('DIGEST_MISMATCH', `${image.manifest} in ${store.url} is not the manifest that was published`);
    }
    return parseDocument(source, manifestSchema, 'gabarit.manifest/1', image.manifest);
  }

  async function show(reference: ImageReference): Promise<{ image: PublishedImage; manifest: Manifest; channels: string[] }> {
    const index = await indexOf(reference.template);
    const image = findImage(index, reference);
    return { image, manifest: await manifestOf(image), channels: channelsAt(index, image) };
  }

  async function seen(template: string, channel: string): Promise<SeenChannel> {
    return channelOf(await indexOf(template), channel)?.digest ?? 'none';
  }

  async function promote(
    channel: string,
    reference: ImageReference,
    before: SeenChannel,
    signal?: AbortSignal,
  ): Promise<Promotion> {
    checkChannel(channel);
    await resolve(reference);
    const index = await changeIndex(
      store,
      reference.template,
      (found) => withMove(found, channel, findImage(found, reference), before, options),
      options,
      signal,
    );
    const image = findImage(index, reference);
    const pending = pendingMove(index, channel, image);
    return pending ? { ...image, pending } : findImage(index, { template: reference.template, by: 'channel', channel });
  }

  async function approve(template: string, channel: string, signal?: AbortSignal): Promise<Promotion> {
    checkChannel(channel);
    const proposed = (await indexOf(template)).proposals.find((proposal) => proposal.channel === channel);
    const index = await changeIndex(store, template, (found) => withApprovalOf(found, channel, options), options, signal);
    const image = findImage(index, { template, by: 'digest', digest: proposed?.digest ?? '' });
    const pending = pendingMove(index, channel, image);
    return pending ? { ...image, pending } : image;
  }

  async function ancestry(reference: ImageReference): Promise<Ancestry> {
    const image = await find(reference);
    return {
      image,
      ancestors: await ancestorsOf(store, image, options),
      descendants: await descendantsOf(store, image, options),
    };
  }

  async function repair(
    { template, apply }: { template?: string | undefined; apply: boolean },
    signal?: AbortSignal,
  ): Promise<RepairReport[]> {
    const reports: RepairReport[] = [];
    const names = template === undefined ? await foldersIn(store) : [template];
    for (const name of names) reports.push(await repairIndex(store, name, { ...options, apply }, signal));
    return reports;
  }

  async function evidence(reference: ImageReference, name: string): Promise<Buffer> {
    const { image, manifest } = await show(reference);
    const file = [...manifest.evidence, ...manifest.artifacts].find((candidate) => candidate.name === name);
    if (!file) throw new AppError('NOT_FOUND', `${image.template}@${image.version} has no ${name}`);
    const key = image.manifest.replace(/manifest\.json$/, name);
    const bytes = await buffer(await store.get(key));
    if (digestOf(bytes) === file.digest) return bytes;
    throw new AppError('DIGEST_MISMATCH', `${key} in ${store.url} is not the file that its manifest names`);
  }

  const writesSite = async (signal?: AbortSignal): Promise<string[]> => writeSite(store, await list(), options, signal);

  /** Renews what is derived after a change. */
  async function changing<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
    const result = await work;
    if (options.site) await renewSite({ writeSite: writesSite }, options.emit, signal);
    return result;
  }

  return {
    url: store.url,
    list,
    resolve,
    show,
    seen,
    promote: (channel, reference, before, signal) => changing(promote(channel, reference, before, signal), signal),
    approve: (template, channel, signal) => changing(approve(template, channel, signal), signal),
    async revoke(reference, reason, { fallback }, signal) {
      const image = await find(reference);
      return changing(revokeImage(store, image, reason, { ...options, fallback }, signal), signal);
    },
    async restore(reference, signal) {
      const image = await find(reference);
      return changing(restoreImage(store, image, options, signal), signal);
    },
    ancestry,
    async prune(policy, { template, apply, inUse = new Set<string>() }, signal) {
      const work = pruneImages(store, policy, { ...options, template, apply, inUse }, signal);
      return apply ? changing(work, signal) : work;
    },
    repair: (choice, signal) => (choice.apply ? changing(repair(choice, signal), signal) : repair(choice, signal)),
    writeSite: writesSite,
    evidence,
  };
}

function checkChannel(channel: string): void {
  if (isChannelName(channel)) return;
  throw new AppError('USAGE', `"${channel}" is not the name of a channel`, {
    hint: 'Channels are lower-case words such as dev or stable.',
  });
}

/** Templates of which there is anything, an index or not. */
async function foldersIn(store: Store): Promise<string[]> {
  const names = new Set<string>();
  for await (const { key } of store.list('templates/')) {
    const name = /^templates\/([^/]+)\//.exec(key)?.[1];
    if (name !== undefined) names.add(name);
  }
  return [...names].toSorted();
}
