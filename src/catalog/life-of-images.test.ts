import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { writeOutputFolder } from '../../test/fakes/output-folder.ts';
import type { CatalogOptions, PublishedImage } from '../model/catalog.ts';
import { parseImageReference } from '../model/image-reference.ts';
import type { Manifest } from '../model/manifest.ts';
import type { Store } from '../model/store.ts';
import { openMemoryStore } from '../stores/memory.ts';
import { digestOf } from '../util/digest.ts';
import type { EventBody } from '../util/events.ts';
import { openCatalog } from './open-catalog.ts';
import { publish } from './publish.ts';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gabarit-life-'));
});
afterEach(() => rm(folder, { recursive: true }));

const emit = (): void => undefined;
const ref = parseImageReference;
const day =
  (date: string): (() => Date) =>
  () =>
    new Date(`${date}T12:00:00Z`);

async function put(
  store: Store,
  template: string,
  version: string,
  options: CatalogOptions & { channel?: string } = {},
): Promise<PublishedImage> {
  return publish(await writeOutputFolder(folder, template, version), store, { ...options, emit });
}

interface Origin {
  definitions: [template: string, content: string][];
  packages: Record<string, string>;
}

/** Publishes an image that says where it comes from. */
async function putFrom(
  store: Store,
  version: string,
  { definitions, packages }: Origin,
  options: CatalogOptions = {},
): Promise<PublishedImage> {
  const [[template] = ['none']] = definitions;
  const lock = {
    repositories: [],
    packages: Object.entries(packages).map(([name, number]) => ({
      name,
      version: number,
      architecture: 'amd64',
      sha256: '0'.repeat(64),
      size: 1,
      repository: 'debian',
      path: 'x',
      role: 'image',
    })),
  };
  const lockText = JSON.stringify(lock);
  const change = (manifest: Manifest): Manifest => ({
    ...manifest,
    definitions: definitions.map(([name, content]) => ({ template: name, digest: digestOf(content) })),
    evidence: [
      ...manifest.evidence,
      { name: 'packages.lock.json', kind: 'packages-lock', size: lockText.length, digest: digestOf(lockText) },
    ],
  });
  const output = await writeOutputFolder(folder, template, version, change);
  await writeFile(join(output, 'packages.lock.json'), lockText);
  return publish(output, store, { ...options, emit });
}

const base: Origin = { definitions: [['debian-12', 'base']], packages: { openssl: '3.0', bash: '5.2' } };
const child: Origin = {
  definitions: [
    ['web', 'web'],
    ['debian-12', 'base'],
  ],
  packages: { ...base.packages, nginx: '1.22' },
};
const grandchild: Origin = { definitions: [['shop', 'shop'], ...child.definitions], packages: { ...child.packages, php: '8.2' } };

describe('ancestry', () => {
  it('finds the image of the same definition and packages, and no other', async () => {
    const store = openMemoryStore();
    const first = await putFrom(store, '20261120.1', base);
    await putFrom(store, '20261121.1', { ...base, packages: { openssl: '3.1', bash: '5.2' } });
    await putFrom(store, '20261122.1', { ...base, definitions: [['debian-12', 'changed']] });
    const web = await putFrom(store, '20261123.1', child);
    expect(web.basedOn).toEqual({ template: 'debian-12', version: '20261120.1', digest: first.digest });
    const shop = await putFrom(store, '20261124.1', grandchild);
    expect(shop.basedOn).toMatchObject({ template: 'web', version: '20261123.1' });
    const { ancestors, descendants } = await openCatalog(store).ancestry(ref('web'));
    expect(ancestors.map(({ name }) => name.version)).toEqual(['20261120.1']);
    expect(descendants.map(({ template }) => template)).toEqual(['shop']);
    const alone = await putFrom(store, '20261125.1', { ...child, packages: { openssl: '9', nginx: '1' } });
    expect(alone.basedOn).toBeUndefined();
  });
});

describe('revocation', () => {
  async function family(): Promise<Store> {
    const store = openMemoryStore();
    await putFrom(store, '20261120.1', base, {});
    await putFrom(store, '20261121.1', { ...base, packages: { openssl: '3.1' } });
    await putFrom(store, '20261122.1', child);
    await putFrom(store, '20261123.1', grandchild);
    const catalog = openCatalog(store);
    await catalog.promote('stable', ref('debian-12@20261120.1'), 'none');
    await catalog.promote('stable', ref('web'), 'none');
    await catalog.promote('stable', ref('shop'), 'none');
    return store;
  }

  it('takes an image and all that was built on it out of every channel, with the reason for all', async () => {
    const store = await family();
    const catalog = openCatalog(store, { by: 'ada' });
    const result = await catalog.revoke(ref('debian-12@20261120.1'), 'a hole in openssl', { fallback: false });
    expect(result.revoked.map(({ template }) => template)).toEqual(['debian-12', 'web', 'shop']);
    expect(result.channels).toEqual(['debian-12', 'web', 'shop'].map((template) => ({ template, channel: 'stable' })));
    for (const name of ['debian-12@20261120.1', 'web@20261122.1', 'shop@20261123.1']) {
      await expect(catalog.resolve(ref(name))).rejects.toMatchObject({
        code: 'REVOKED',
        message: expect.stringContaining('a hole in openssl'),
      });
    }
    await expect(catalog.resolve(ref('shop'))).rejects.toThrow('with debian-12@20261120.1, which it was built on');
    await expect(catalog.resolve(ref('web@stable'))).rejects.toMatchObject({ code: 'NOT_FOUND' });
    expect((await catalog.resolve(ref('debian-12'))).version).toBe('20261121.1');
    await expect(catalog.promote('stable', ref('web@20261122.1'), 'none')).rejects.toMatchObject({ code: 'REVOKED' });
    expect((await catalog.show(ref('web@20261122.1'))).image.revoked).toMatchObject({
      by: 'ada',
      inherited: { template: 'debian-12' },
    });
  });

  it('is asked of the ancestors too, for an image whose own index does not know yet', async () => {
    const store = await family();
    const web = await text(await store.get('templates/web/index.json'));
    await openCatalog(store).revoke(ref('debian-12@20261120.1'), 'a hole', { fallback: false });
    const bytes = Buffer.from(web);
    await store.put('templates/web/index.json', { bytes }, { digest: digestOf(bytes), size: bytes.length });
    await expect(openCatalog(store).resolve(ref('web@stable'))).rejects.toMatchObject({ code: 'REVOKED' });
  });

  it('lets nothing more be built on it', async () => {
    const store = await family();
    await openCatalog(store).revoke(ref('debian-12@20261120.1'), 'a hole', { fallback: false });
    await expect(putFrom(store, '20261124.1', child)).rejects.toMatchObject({ code: 'REVOKED' });
  });

  it('can go back to the version before', async () => {
    const store = await family();
    const catalog = openCatalog(store);
    await catalog.promote('stable', ref('debian-12@20261121.1'), await catalog.seen('debian-12', 'stable'));
    const { channels } = await catalog.revoke(ref('debian-12@stable'), 'bad', { fallback: true });
    expect(channels).toEqual([{ template: 'debian-12', channel: 'stable', now: '20261120.1' }]);
    expect((await catalog.resolve(ref('debian-12@stable'))).version).toBe('20261120.1');
  });

  it('is taken back with all that inherited it, and not what was revoked by itself', async () => {
    const store = await family();
    const catalog = openCatalog(store);
    await catalog.revoke(ref('shop@20261123.1'), 'its own fault', { fallback: false });
    await catalog.revoke(ref('debian-12@20261120.1'), 'a hole', { fallback: false });
    const restored = await catalog.restore(ref('debian-12@20261120.1'));
    expect(restored.map(({ template }) => template)).toEqual(['debian-12', 'web']);
    expect((await catalog.resolve(ref('web'))).version).toBe('20261122.1');
    await expect(catalog.resolve(ref('shop@20261123.1'))).rejects.toThrow('its own fault');
    await expect(catalog.resolve(ref('web@stable'))).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });
});

describe('channels that need two people', () => {
  const approvals = { stable: 2 };
  const as = (store: Store, by: string) => openCatalog(store, { approvals, by });

  it('move when a second person approves', async () => {
    const store = openMemoryStore();
    const image = await put(store, 'd', '20261120.1');
    const { pending } = await as(store, 'ada').promote('stable', ref('d'), 'none');
    expect(pending).toMatchObject({ channel: 'stable', digest: image.digest, needed: 2, approvals: [{ by: 'ada' }] });
    await expect(as(store, 'bob').resolve(ref('d@stable'))).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(as(store, 'ada').approve('d', 'stable')).rejects.toMatchObject({ code: 'USAGE' });
    expect((await as(store, 'ada').promote('stable', ref('d'), 'none')).pending).toBeDefined();
    expect((await as(store, 'bob').approve('d', 'stable')).pending).toBeUndefined();
    expect((await as(store, 'bob').resolve(ref('d@stable'))).digest).toBe(image.digest);
    await expect(as(store, 'eve').approve('d', 'stable')).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  it('do not move by publishing, nor from where nobody saw them', async () => {
    const store = openMemoryStore();
    const first = await put(store, 'd', '20261120.1', { approvals, by: 'ada', channel: 'stable' });
    expect(first).toHaveProperty('pending.approvals.0.by', 'ada');
    await put(store, 'd', '20261121.1');
    await openCatalog(store).promote('stable', ref('d@20261121.1'), 'none');
    await expect(as(store, 'bob').approve('d', 'stable')).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await as(store, 'ada').promote('stable', ref('d@20261120.1'), await as(store, 'ada').seen('d', 'stable'));
    await openCatalog(store).revoke(ref('d@20261120.1'), 'bad', { fallback: false });
    await expect(as(store, 'bob').approve('d', 'stable')).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });
});

describe('support of the operating system', () => {
  const endOfLife = () => ({ full: '2026-06-10', lts: '2028-06-30' });
  async function channelOn(date: string, allowUnsupported?: boolean): Promise<EventBody[]> {
    const store = openMemoryStore();
    const events: EventBody[] = [];
    const output = await writeOutputFolder(folder, 'd', '20261120.1');
    await publish(output, store, { emit, endOfLife });
    const catalog = openCatalog(store, { now: day(date), allowUnsupported, emit: (event) => events.push(event) });
    await catalog.promote('stable', ref('d'), 'none');
    return events;
  }

  it('is warned of at its end, and then stops channels', async () => {
    expect(await channelOn('2026-06-10')).toEqual([]);
    expect(await channelOn('2026-06-11')).toMatchObject([
      { level: 'warn', message: expect.stringContaining('ended on 2026-06-10') },
    ]);
    await expect(channelOn('2028-07-01')).rejects.toMatchObject({ code: 'SUPPORT_ENDED' });
    expect(await channelOn('2028-07-01', true)).toMatchObject([{ message: expect.stringContaining('all support') }]);
  });
});

describe('pruning', () => {
  const keysOf = async (store: Store): Promise<string[]> => {
    const keys: string[] = [];
    for await (const { key } of store.list('templates/')) if (/\/\d{8}\.\d+\//.test(key)) keys.push(key);
    return keys;
  };

  it('keeps the last ones, the young ones, and whatever is used', async () => {
    const store = openMemoryStore();
    for (const [number, date] of ['2026-01-01', '2026-02-01', '2026-03-01', '2026-11-01', '2026-11-20'].entries())
      await put(store, 'd', `20261120.${number}`, { now: day(date) });
    const catalog = openCatalog(store, { now: day('2026-11-21') });
    await catalog.promote('stable', ref('d@20261120.0'), 'none');
    const used = new Set([(await catalog.resolve(ref('d@20261120.1'))).digest]);
    const versions = async (policy: object, inUse = new Set<string>()): Promise<string[]> =>
      (await catalog.prune(policy, { apply: false, inUse })).images.map(({ version }) => version);
    expect(await versions({ keepLast: 1 })).toEqual(['20261120.3', '20261120.2', '20261120.1']);
    expect(await versions({ keepLast: 1, keepDays: 30 })).toEqual(['20261120.2', '20261120.1']);
    expect(await versions({ keepDays: 7 }, used)).toEqual(['20261120.3', '20261120.2']);
    await expect(catalog.prune({}, { apply: false })).rejects.toMatchObject({ code: 'USAGE' });
    expect(await keysOf(store)).toHaveLength(5 * 5);
    const before = await keysOf(store);
    const { freed, images } = await catalog.prune({ keepLast: 1, keepDays: 30 }, { apply: true, inUse: used });
    expect([images.length, (await keysOf(store)).length]).toEqual([1, before.length - 5]);
    expect(freed).toBeGreaterThan(0);
    await expect(catalog.resolve(ref('d@20261120.2'))).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  it('keeps what others were built on', async () => {
    const store = openMemoryStore();
    await putFrom(store, '20261120.1', base);
    await putFrom(store, '20261121.1', { ...base, packages: { openssl: '4' } });
    await putFrom(store, '20261122.1', child);
    expect((await openCatalog(store).prune({ keepLast: 1 }, { apply: false })).images).toEqual([]);
  });

  it('broken off after the index leaves only what the next one sweeps, and leaves young files alone', async () => {
    const real = openMemoryStore();
    for (const version of ['20261120.1', '20261120.2']) await put(real, 'd', version);
    const failing: Store = { ...real, delete: () => Promise.reject(new Error('cut')) };
    await expect(openCatalog(failing).prune({ keepLast: 1 }, { apply: true })).rejects.toThrow('cut');
    expect((await openCatalog(real).list())[0]?.images.map(({ version }) => version)).toEqual(['20261120.2']);
    const young = await openCatalog(real).prune({ keepLast: 1 }, { apply: true });
    expect(young.leftovers).toEqual([]);
    const tomorrow = (): Date => new Date(Date.now() + 25 * 3600 * 1000);
    const later = await openCatalog(real, { now: tomorrow }).prune({ keepLast: 1 }, { apply: true });
    expect(later.leftovers).toHaveLength(5);
    expect(await keysOf(real)).toHaveLength(5);
  });
});
