import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ignoringStore } from '../../test/fakes/ignoring-store.ts';
import { writeOutputFolder } from '../../test/fakes/output-folder.ts';
import type { TemplateIndex } from '../model/catalog.ts';
import { parseImageReference } from '../model/image-reference.ts';
import type { Store } from '../model/store.ts';
import { openMemoryStore } from '../stores/memory.ts';
import { digestOf } from '../util/digest.ts';
import { openCatalog } from './open-catalog.ts';
import { publish } from './publish.ts';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gabarit-repair-'));
});
afterEach(() => rm(folder, { recursive: true }));

const key = 'templates/d/index.json';
const ref = parseImageReference;

async function indexOf(store: Store): Promise<TemplateIndex> {
  return (JSON.parse(await text(await store.get(key))) as { signed: TemplateIndex }).signed;
}

async function overwrite(store: Store, name: string, content: string): Promise<void> {
  const bytes = Buffer.from(content);
  await store.put(name, { bytes }, { digest: digestOf(bytes), size: bytes.length });
}

/** Three images; the second one is stable, the third one revoked. */
async function filled(store: Store): Promise<TemplateIndex> {
  for (const version of ['20261120.1', '20261120.2', '20261120.3'])
    await publish(await writeOutputFolder(folder, 'd', version), store, { emit: () => undefined });
  await openCatalog(store).promote('stable', ref('d@20261120.2'), 'none');
  await openCatalog(store).revoke(ref('d@20261120.3'), 'bad', { fallback: false });
  return indexOf(store);
}

const repair = (store: Store, apply = true) => openCatalog(store).repair({ apply });

describe.each([
  ['is damaged', (store: Store) => overwrite(store, key, '{"signed":{"schema":"gabarit.ind')],
  ['is empty', (store: Store) => overwrite(store, key, '')],
  ['was deleted', (store: Store) => store.delete(key)],
  [
    'belongs to another template',
    async (store: Store) =>
      overwrite(store, key, (await text(await store.get(key))).replace('"template":"d","u', '"template":"e","u')),
  ],
])('an index that %s', (_, damage) => {
  it('is made again from its copy, with channels and revocations, under a number that nobody saw', async () => {
    const store = openMemoryStore();
    const before = await filled(store);
    await damage(store);
    const [dry] = await repair(store, false);
    expect(dry).toMatchObject({ images: 3, channels: 1, written: false });
    const [report] = await repair(store);
    expect(report).toMatchObject({ images: 3, channels: 1, written: true });
    const after = await indexOf(store);
    expect(after.images).toEqual(before.images);
    expect(after.channels).toEqual(before.channels);
    expect(after.sequence).toBeGreaterThan(before.sequence);
    await expect(openCatalog(store).resolve(ref('d@20261120.3'))).rejects.toMatchObject({ code: 'REVOKED' });
    expect(await repair(store)).toMatchObject([{ findings: [], written: false }]);
  });
});

it('without any copy it is made again from the manifests, and says what cannot be known', async () => {
  const store = openMemoryStore();
  const before = await filled(store);
  for await (const { key: copy } of store.list('templates/d/index')) await store.delete(copy);
  const [report] = await repair(store);
  expect(report?.findings.join('\n')).toMatch(/channels, and which images were revoked, are not known any more/);
  const after = await indexOf(store);
  expect(after.images.map(({ digest }) => digest)).toEqual(before.images.map(({ digest }) => digest));
  expect(after.sequence).toBeGreaterThan(1_700_000_000);
  expect((await openCatalog(store).resolve(ref('d@20261120.1'))).version).toBe('20261120.1');
});

it('an image that is not whole is taken out, and its channel with it', async () => {
  const store = openMemoryStore();
  const { images } = await filled(store);
  const stable = images.find(({ version }) => version === '20261120.2');
  await store.delete(stable?.artifacts[0]?.key ?? '');
  await overwrite(store, images.find(({ version }) => version === '20261120.1')?.manifest ?? '', '{}');
  const [report] = await repair(store);
  expect(report?.findings).toEqual([
    expect.stringContaining('d@20261120.2 is taken out of the index: disk.qcow2 missing'),
    expect.stringContaining('d@20261120.1 is taken out of the index: its manifest is not the one'),
    'the channel stable is gone: it pointed at 20261120.2',
  ]);
  expect((await indexOf(store)).images.map(({ version }) => version)).toEqual(['20261120.3']);
});

it('what a newer Gabarit wrote is not damaged', async () => {
  const store = openMemoryStore();
  await filled(store);
  const newer = (await text(await store.get(key))).replace('gabarit.index/1', 'gabarit.index/2');
  await overwrite(store, key, newer);
  await expect(repair(store)).rejects.toThrow('is written as gabarit.index/2; this Gabarit knows gabarit.index/1');
  expect(await text(await store.get(key))).toBe(newer);
});

it('where the store knows no compare-and-set, the changes after the copy are in it', async () => {
  const store = ignoringStore(openMemoryStore(), { ifMatch: true, ifAbsent: true });
  await filled(store);
  const copies: string[] = [];
  for await (const { key: copy } of store.list('templates/d/index/')) copies.push(copy);
  for (const copy of copies.toSorted().slice(1)) await store.delete(copy);
  await overwrite(store, key, 'x');
  await repair(store);
  expect((await indexOf(store)).images.map(({ version, revoked }) => [version, revoked?.reason])).toEqual([
    ['20261120.3', 'bad'],
    ['20261120.2', undefined],
    ['20261120.1', undefined],
  ]);
  expect((await indexOf(store)).channels['stable']).toMatchObject({ version: '20261120.2' });
});
