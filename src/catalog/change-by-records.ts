import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import {
  type CatalogOptions,
  channelSchema,
  compareVersions,
  proposalSchema,
  publishedImageSchema,
  type TemplateIndex,
} from '../model/catalog.ts';
import { checkDocument } from '../model/document.ts';
import type { Store } from '../model/store.ts';
import { canonicalJson, digestOf } from '../util/digest.ts';
import { AppError, errorTable } from '../util/errors.ts';
import { openEnvelope, sealDocument } from './index-document.ts';
import { emptyIndex, readIndex, writeIndex } from './index-file.ts';
import { changeKey, changesPrefix, numberOfKey } from './keys.ts';
import { readText } from './read-text.ts';

/**
 * The index where a store ignores If-Match. Each change is a small object of its own, which nobody overwrites; the index is derived from
 * all of them, by whoever comes next. Where If-None-Match is honoured, changes are numbered and only one can have a number, so that they
 * form one line; where that is ignored too, their names are random, and of two changes of the same thing the one that sorts last holds.
 * A stale index, written by somebody who slept, lacks something for a while and loses nothing: he looks again after his write, and so
 * does everybody after him.
 */

/** What one change sets, by digest of the image and by name of the channel; null removes it. */
const changeSchema = z.looseObject({
  schema: z.literal('gabarit.change/1'),
  template: z.string(),
  at: z.iso.datetime(),
  images: z.record(z.string(), publishedImageSchema.nullable()),
  channels: z.record(z.string(), channelSchema.nullable()),
  proposals: z.record(z.string(), proposalSchema.nullable()),
});
type ChangeRecord = z.infer<typeof changeSchema>;

/** Returns what shall be from what is there, or the same object when nothing need be done; it may be called several times. */
export type Change = (index: TemplateIndex) => TemplateIndex;

/** A record with the name that orders it. */
interface Stamped {
  key: string;
  stamp: string;
  record: ChangeRecord;
}

export interface RecordOptions extends CatalogOptions {
  /** Whether the store honours If-None-Match. */
  ifAbsent: boolean;
  signal: AbortSignal | undefined;
}

/** Records that are kept, and for how long at least, after they went into the index. */
const keptRecords = 256;
const keptMs = 24 * 3600 * 1000;
const maxRounds = 200;
/** Records that are read at the same time. */
const parallel = 16;

const told = new WeakSet<Store>();
const seenRecords = new WeakMap<Store, Map<string, ChangeRecord | undefined>>();

export async function changeByRecords(
  store: Store,
  template: string,
  change: Change,
  options: RecordOptions,
): Promise<TemplateIndex> {
  sayAloud(store, options);
  let failures = 0;
  let hasWritten = false;
  let hasWaited = false;
  for (let round = 1; ; round += 1) {
    const { file, records, merged } = await derive(store, template, options);
    const after = change(merged);
    const delta = differenceOf(merged, after);
    try {
      if (after === merged) {
        // Whoever wrote an index looks whether it took anything away from others; who did not only needs to be in it.
        if (file === merged || (!hasWritten && change(file) === file && file.sequence > 0)) {
          if (hasWritten) await dropOldRecords(store, records, options);
          return file;
        }
        // Among many, most find their change in the index that somebody else wrote while they waited.
        if (hasWaited) {
          await write(store, file, merged, options);
          hasWritten = true;
        } else await pause(Math.min(round, 7), options);
        hasWaited = !hasWaited;
      } else if (delta === undefined) {
        return await write(store, file, after, options);
      } else {
        const last = records.at(-1);
        await writeRecord(store, template, (last ? numberOfKey(last.key) : 0) + 1, delta, options);
      }
    } catch (error) {
      const code = error instanceof AppError ? error.code : undefined;
      if (code === undefined || !errorTable[code].retry || round >= maxRounds) throw error;
      // A conflict means that somebody else took the number; anything else, that the answer may have been lost.
      if (code !== 'CONFLICT') failures += 1;
      if (failures > 1) throw error;
      await pause(Math.min(round, 8), options);
    }
    if (round >= maxRounds) {
      throw new AppError('CONFLICT', `Too many others write the index of ${template} in ${store.url} at the same time`, {
        hint: 'Nothing is lost. Try again.',
      });
    }
  }
}

/** Two who read the same index must not give theirs the same number, nor one who slept a lower one: the clock keeps them apart. */
function write(store: Store, file: TemplateIndex, after: TemplateIndex, options: RecordOptions): Promise<TemplateIndex> {
  const sequence = Math.max(file.sequence + 1, (options.now?.() ?? new Date()).getTime());
  return writeIndex(store, file, after, options, {}, options.signal, sequence);
}

function sayAloud(store: Store, { emit, ifAbsent }: RecordOptions): void {
  if (told.has(store)) return;
  told.add(store);
  const ignored = ifAbsent ? 'If-Match' : 'If-Match and If-None-Match';
  const message = `${store.url} ignores ${ignored}: the index is kept by records of changes instead of compare-and-set. Nothing gets lost${ifAbsent ? '' : '; when two people move one channel at the same moment, the later move holds'}`;
  emit?.({ type: 'log', level: 'warn', message });
}

async function pause(round: number, { signal }: RecordOptions): Promise<void> {
  await sleep(Math.random() * 5 * 2 ** Math.min(round, 8), undefined, signal ? { signal } : {});
}

/** The index as its file (or `known`) has it, and with all changes that there are. */
export async function derive(
  store: Store,
  template: string,
  options: CatalogOptions,
  known?: TemplateIndex,
): Promise<{ file: TemplateIndex; records: Stamped[]; merged: TemplateIndex }> {
  // Records first: an index that is younger than the list only knows more.
  const records = await readRecords(store, template, options);
  const file = known ?? (await readIndex(store, template, options, 'change')) ?? emptyIndex(template);
  return { file, records, merged: withRecords(file, records) };
}

async function readRecords(store: Store, template: string, options: CatalogOptions): Promise<Stamped[]> {
  const cache = seenRecords.get(store) ?? new Map<string, ChangeRecord | undefined>();
  seenRecords.set(store, cache);
  const keys: string[] = [];
  for await (const { key } of store.list(changesPrefix(template))) keys.push(key);
  const queue = keys.filter((key) => !cache.has(key));
  const worker = async (): Promise<void> => {
    for (let key = queue.pop(); key !== undefined; key = queue.pop())
      cache.set(key, await readRecord(store, template, key, options));
  };
  await Promise.all(Array.from({ length: parallel }, worker));
  return keys.toSorted().flatMap((key) => {
    const record = cache.get(key);
    return record ? [{ key, stamp: stampOf(key), record }] : [];
  });
}

/** A record that cannot be trusted counts as absent: what it says could be anybody's. */
async function readRecord(
  store: Store,
  template: string,
  key: string,
  options: CatalogOptions,
): Promise<ChangeRecord | undefined> {
  const where = `${key} in ${store.url}`;
  try {
    const { signed } = openEnvelope(await readText(store, key), where, options.trust);
    const record = checkDocument(signed, changeSchema, 'gabarit.change/1', where);
    return record.template === template ? record : undefined;
  } catch (error) {
    if (!(error instanceof AppError) || !['IMAGE_INVALID', 'SIGNATURE_INVALID', 'NOT_FOUND'].includes(error.code)) throw error;
    options.emit?.({ type: 'log', level: 'warn', message: `A change is left out: ${error.message}` });
    return undefined;
  }
}

async function writeRecord(
  store: Store,
  template: string,
  number: number,
  delta: Pick<ChangeRecord, 'images' | 'channels' | 'proposals'>,
  options: RecordOptions,
): Promise<void> {
  const at = (options.now?.() ?? new Date()).toISOString();
  const record: ChangeRecord = { schema: 'gabarit.change/1', template, at, ...delta };
  const bytes = await sealDocument(record, options.signer);
  const suffix = options.ifAbsent ? '' : `-${randomBytes(8).toString('hex')}`;
  const key = changeKey(template, number, suffix);
  await options.permit?.();
  await store.put(key, { bytes }, { digest: digestOf(bytes), size: bytes.length, ifAbsent: true, signal: options.signal });
}

/** What differs, thing by thing; undefined when nothing does. */
function differenceOf(
  before: TemplateIndex,
  after: TemplateIndex,
): Pick<ChangeRecord, 'images' | 'channels' | 'proposals'> | undefined {
  const images = changed(byDigest(before), byDigest(after));
  const channels = changed(new Map(Object.entries(before.channels)), new Map(Object.entries(after.channels)));
  const proposals = changed(byChannel(before), byChannel(after));
  const isEmpty = [images, channels, proposals].every((part) => Object.keys(part).length === 0);
  return isEmpty ? undefined : { images, channels, proposals };
}

const byDigest = ({ images }: TemplateIndex): Map<string, TemplateIndex['images'][number]> =>
  new Map(images.map((image) => [image.digest, image]));
const byChannel = ({ proposals }: TemplateIndex): Map<string, TemplateIndex['proposals'][number]> =>
  new Map(proposals.map((proposal) => [proposal.channel, proposal]));

function changed<T>(before: Map<string, T>, after: Map<string, T>): Record<string, T | null> {
  const names = [...new Set([...before.keys(), ...after.keys()])];
  const different = names.filter((name) => canonicalJson(before.get(name)) !== canonicalJson(after.get(name)));
  return Object.fromEntries(different.map((name) => [name, after.get(name) ?? null]));
}

/** The index with all changes that are not in it yet; the same object when there are none. */
export function withRecords(index: TemplateIndex, records: readonly Stamped[]): TemplateIndex {
  const images = onePerVersion([...latest(byDigest(index), records, ({ images: part }) => part).values()]);
  const channels = latest(new Map(Object.entries(index.channels)), records, ({ channels: part }) => part);
  const proposals = [...latest(byChannel(index), records, ({ proposals: part }) => part).values()];
  const isSame =
    sameItems(images, index.images) &&
    sameItems(proposals, index.proposals) &&
    sameItems([...channels.values()], Object.values(index.channels));
  return isSame ? index : { ...index, images, channels: Object.fromEntries(channels), proposals };
}

function sameItems(a: readonly unknown[], b: readonly unknown[]): boolean {
  const wanted = new Set(b);
  return a.length === b.length && a.every((item) => wanted.has(item));
}

/** The things of an index after all records. */
function latest<T extends object>(
  things: Map<string, T>,
  records: readonly Stamped[],
  partOf: (record: ChangeRecord) => Record<string, T | null>,
): Map<string, T> {
  const after = new Map<string, { stamp: string; value: T | null }>();
  for (const [name, value] of things) after.set(name, { stamp: stampIn(value), value });
  for (const { stamp, record } of records) {
    for (const [name, value] of Object.entries(partOf(record))) {
      if ((after.get(name)?.stamp ?? '') < stamp) after.set(name, { stamp, value: value && { ...value, change: stamp } });
    }
  }
  return new Map([...after].flatMap(([name, { value }]) => (value ? [[name, value] as const] : [])));
}

/** Of two images that took the same version the first one has it: the publisher of the other finds out when he looks. */
function onePerVersion(images: TemplateIndex['images']): TemplateIndex['images'] {
  const first = new Map<string, TemplateIndex['images'][number]>();
  for (const image of images.toSorted((a, b) => (stampIn(a) < stampIn(b) ? -1 : 1))) {
    if (!first.has(image.version)) first.set(image.version, image);
  }
  return [...first.values()].toSorted((a, b) => compareVersions(b.version, a.version));
}

/** The name of the change that set a thing last is kept with it, so that no change is applied twice, nor an old one over a newer. */
function stampIn(thing: object): string {
  return 'change' in thing ? String(thing.change) : '';
}

function stampOf(key: string): string {
  return key.slice(key.lastIndexOf('/') + 1, -'.json'.length);
}

/** Records that went into the index long ago are not needed any more, the oldest first. */
async function dropOldRecords(store: Store, records: readonly Stamped[], options: RecordOptions): Promise<void> {
  const before = new Date((options.now?.() ?? new Date()).getTime() - keptMs).toISOString();
  for (const { key, record } of records.slice(0, Math.max(0, records.length - keptRecords))) {
    if (record.at >= before) return;
    await store.delete(key);
    seenRecords.get(store)?.delete(key);
  }
}
