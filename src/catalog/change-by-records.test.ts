import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ignoringStore } from '../../test/fakes/ignoring-store.ts';
import { writeOutputFolder } from '../../test/fakes/output-folder.ts';
import type { PublishedImage, TemplateIndex } from '../model/catalog.ts';
import type { Store } from '../model/store.ts';
import { openMemoryStore } from '../stores/memory.ts';
import { digestOf } from '../util/digest.ts';
import type { EventBody } from '../util/events.ts';
import { openCatalog } from './open-catalog.ts';
import { publish } from './publish.ts';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gabarit-records-'));
});
afterEach(() => rm(folder, { recursive: true }));
const quiet = { emit: () => undefined };

async function indexOf(store: Store): Promise<TemplateIndex> {
  return (JSON.parse(await text(await store.get('templates/d/index.json'))) as { signed: TemplateIndex }).signed;
}

async function overwrite(store: Store, key: string, content: string): Promise<void> {
  const bytes = Buffer.from(content);
  await store.put(key, { bytes }, { digest: digestOf(bytes), size: bytes.length });
}

function publishVersions(store: Store, versions: string[], channel?: string): Promise<PublishedImage[]> {
  return Promise.all(
    versions.map(async (version) =>
      publish(await writeOutputFolder(join(folder, version), 'd', version), store, { ...quiet, channel }),
    ),
  );
}

const versionsOf = ({ images }: TemplateIndex): string[] => images.map(({ version }) => version);

describe.each([
  ['If-Match', { ifMatch: true, ifAbsent: false }],
  ['both conditions', { ifMatch: true, ifAbsent: true }],
] as const)('a store that ignores %s', (_, ignored) => {
  it('loses none of 16 at once, says so aloud, and gives the index a number that rises', async () => {
    const store = ignoringStore(openMemoryStore(), ignored);
    const versions = Array.from({ length: 16 }, (__, number) => `20261123.${number}`);
    const events: EventBody[] = [];
    await Promise.all(
      versions.map(async (version) =>
        publish(await writeOutputFolder(join(folder, version), 'd', version), store, { emit: (event) => events.push(event) }),
      ),
    );
    const index = await indexOf(store);
    expect(versionsOf(index).toSorted()).toEqual(versions.toSorted());
    expect(events.filter((event) => event.type === 'log' && event.message.includes('ignores If-Match'))).toHaveLength(1);
    const before = index.sequence;
    await openCatalog(store).promote('stable', { template: 'd', by: 'version', version: '20261123.3' }, 'none');
    expect((await indexOf(store)).sequence).toBeGreaterThan(before);
  });

  it('heals an index that somebody who slept wrote over a newer one', async () => {
    const store = ignoringStore(openMemoryStore(), ignored);
    await publishVersions(store, ['20261123.1']);
    const stale = await text(await store.get('templates/d/index.json'));
    await publishVersions(store, ['20261123.2'], 'dev');
    await overwrite(store, 'templates/d/index.json', stale);
    expect(versionsOf(await indexOf(store))).toEqual(['20261123.1']);
    await publishVersions(store, ['20261123.3']);
    expect(versionsOf(await indexOf(store))).toEqual(['20261123.3', '20261123.2', '20261123.1']);
    expect((await indexOf(store)).channels['dev']).toMatchObject({ version: '20261123.2' });
  });

  it('removes what is pruned, and it does not come back', async () => {
    const store = ignoringStore(openMemoryStore(), ignored);
    for (const version of ['20261123.1', '20261123.2', '20261123.3']) await publishVersions(store, [version]);
    const pruned = await openCatalog(store).prune({ keepLast: 1 }, { apply: true });
    expect(pruned.images.map(({ version }) => version)).toEqual(['20261123.2', '20261123.1']);
    await publishVersions(store, ['20261123.4']);
    expect(versionsOf(await indexOf(store))).toEqual(['20261123.4', '20261123.3']);
    for (const image of (await indexOf(store)).images) expect(await store.head(image.manifest)).toBeDefined();
  });

  it('tells all but one of many who move a channel from the same place, or lets the last hold', async () => {
    const store = ignoringStore(openMemoryStore(), ignored);
    const images = await publishVersions(store, ['20261123.1', '20261123.2', '20261123.3', '20261123.4']);
    const outcomes = await Promise.allSettled(
      images.map(({ digest }) => openCatalog(store).promote('stable', { template: 'd', by: 'digest', digest }, 'none')),
    );
    const winners = outcomes.filter(({ status }) => status === 'fulfilled');
    if (ignored.ifAbsent) expect(winners.length).toBeGreaterThanOrEqual(1);
    else expect(winners).toHaveLength(1);
    const now = (await openCatalog(store).resolve({ template: 'd', by: 'channel', channel: 'stable' })).digest;
    expect(images.map(({ digest }) => digest)).toContain(now);
  });

  it('takes the first of two that claim one version with other bytes', async () => {
    const store = ignoringStore(openMemoryStore(), ignored);
    const folders = await Promise.all(
      ['one', 'two'].map((description) =>
        writeOutputFolder(join(folder, description), 'd', '20261123.1', (manifest) => ({ ...manifest, description })),
      ),
    );
    const outcomes = await Promise.allSettled(folders.map((path) => publish(path, store, quiet)));
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect((outcomes.find(({ status }) => status === 'rejected') as PromiseRejectedResult).reason).toMatchObject({
      code: 'CONFLICT',
    });
    expect(versionsOf(await indexOf(store))).toEqual(['20261123.1']);
  });
});
