import { readFile, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { writeOutputFolder } from '../../test/fakes/output-folder.ts';
import type { TemplateIndex } from '../model/catalog.ts';
import { parseImageReference } from '../model/image-reference.ts';
import type { Store } from '../model/store.ts';
import { openFileStore } from '../stores/file.ts';
import { openMemoryStore } from '../stores/memory.ts';
import { digestOf } from '../util/digest.ts';
import { AppError } from '../util/errors.ts';
import type { EventBody } from '../util/events.ts';
import { openCatalog } from './open-catalog.ts';
import { publish } from './publish.ts';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gabarit-catalog-'));
});
afterEach(() => rm(folder, { recursive: true }));

const quiet = { emit: () => undefined };
const find = (store: Store, reference: string) => openCatalog(store).resolve(parseImageReference(reference));

async function contentOf(store: Store): Promise<Record<string, string>> {
  const content: Record<string, string> = {};
  for await (const { key } of store.list('')) content[key] = await text(await store.get(key));
  return content;
}

async function indexOf(store: Store, template: string): Promise<TemplateIndex> {
  return (JSON.parse(await text(await store.get(`templates/${template}/index.json`))) as { signed: TemplateIndex }).signed;
}

/** What a reader must be able to rely on: all that an index names is there, with its digest. */
async function expectWhole(store: Store): Promise<number> {
  let images = 0;
  for (const index of await openCatalog(store).list()) {
    for (const image of index.images) {
      images += 1;
      const { manifest } = await openCatalog(store).show({ template: image.template, by: 'digest', digest: image.digest });
      const prefix = image.manifest.replace(/manifest\.json$/, '');
      for (const { name, digest } of [...manifest.artifacts, ...manifest.evidence]) {
        expect(digestOf(await text(await store.get(prefix + name)))).toBe(digest);
      }
    }
    for (const { digest } of Object.values(index.channels)) expect(index.images.map((image) => image.digest)).toContain(digest);
  }
  return images;
}

describe('publishing', () => {
  it('writes artifacts, evidence and manifest under their digest, and names them in the index', async () => {
    const store = openMemoryStore();
    const output = await writeOutputFolder(folder, 'debian-12', '20261123.1');
    const events: EventBody[] = [];
    const image = await publish(output, store, { emit: (event) => events.push(event) });
    const prefix = `templates/debian-12/20261123.1/${image.digest.slice(7)}`;
    expect(Object.keys(await contentOf(store))).toEqual([
      `${prefix}/checks.json`,
      `${prefix}/disk.qcow2`,
      `${prefix}/incus.tar.xz`,
      `${prefix}/manifest.json`,
      `${prefix}/plan.json`,
      'templates/debian-12/index.json',
      'templates/debian-12/index/0000000000000001.json',
    ]);
    expect(image).toMatchObject({
      template: 'debian-12',
      version: '20261123.1',
      os: 'Debian GNU/Linux 12 (bookworm)',
      checks: { pass: 40 },
    });
    expect(image.digest).toBe(digestOf(await readFile(join(output, 'manifest.json'))));
    expect(await expectWhole(store)).toBe(1);
    const progress = events.flatMap((event) => (event.type === 'step.progress' ? [event] : []));
    expect(progress.at(-1)?.done).toBe(progress.at(-1)?.total);
    expect(events.filter(({ type }) => type === 'step.finished')).toHaveLength(3);
  });

  it('does nothing the second time', async () => {
    const store = openMemoryStore();
    const output = await writeOutputFolder(folder, 'debian-12', '20261123.1');
    const first = await publish(output, store, { ...quiet, channel: 'dev' });
    const before = await contentOf(store);
    expect(await publish(output, store, { ...quiet, channel: 'dev' })).toEqual(first);
    expect(await contentOf(store)).toEqual(before);
  });

  it('refuses another image under a version that is taken, and writes nothing of it', async () => {
    const store = openMemoryStore();
    await publish(await writeOutputFolder(folder, 'debian-12', '20261123.1'), store, quiet);
    const before = await contentOf(store);
    const other = await writeOutputFolder(join(folder, 'other'), 'debian-12', '20261123.1', (manifest) => ({
      ...manifest,
      description: 'other',
    }));
    await expect(publish(other, store, quiet)).rejects.toMatchObject({ code: 'CONFLICT' });
    expect(await contentOf(store)).toEqual(before);
  });

  it('refuses files that are not those of the manifest, all at once', async () => {
    const store = openMemoryStore();
    const output = await writeOutputFolder(folder, 'debian-12', '20261123.1');
    await writeFile(join(output, 'disk.qcow2'), 'disk of debian-12 20261123.2');
    await truncate(join(output, 'plan.json'), 1);
    await rm(join(output, 'checks.json'));
    const error: unknown = await publish(output, store, quiet).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(AppError);
    const { code, faults } = error as AppError;
    expect(code).toBe('IMAGE_INVALID');
    expect(faults.map(({ file: path }) => path)).toEqual(
      ['disk.qcow2', 'plan.json', 'checks.json'].map((name) => join(output, name)),
    );
    expect(faults.map(({ message }) => message)).toEqual([
      expect.stringContaining('its digest is sha256:'),
      'it has 1 bytes, the manifest says 2',
      'it is missing',
    ]);
    expect(await contentOf(store)).toEqual({});
  });

  it('refuses names that are no plain files of the folder', async () => {
    const store = openMemoryStore();
    const named = (name: string) => (manifest: Parameters<NonNullable<Parameters<typeof writeOutputFolder>[3]>>[0]) => ({
      ...manifest,
      evidence: manifest.evidence.map((item) => ({ ...item, name })),
    });
    await writeFile(join(folder, 'secret'), '{}');
    for (const name of ['../../secret', '/etc/passwd', '.hidden', 'manifest.json', 'disk.qcow2', '']) {
      const output = await writeOutputFolder(folder, 'debian-12', '20261123.1', named(name));
      await expect(publish(output, store, quiet)).rejects.toMatchObject({ code: 'IMAGE_INVALID' });
    }
    const output = await writeOutputFolder(folder, 'debian-12', '20261123.1');
    await rm(join(output, 'plan.json'));
    await symlink(join(folder, 'secret'), join(output, 'plan.json'));
    await expect(publish(output, store, quiet)).rejects.toMatchObject({ code: 'IMAGE_INVALID' });
    expect(await contentOf(store)).toEqual({});
  });

  it('refuses an image with failed checks, a strange manifest, and a folder without one', async () => {
    const store = openMemoryStore();
    const failed = await writeOutputFolder(folder, 'a', '20261123.1', (manifest) => ({
      ...manifest,
      checks: { ...manifest.checks, fail: 2 },
    }));
    await expect(publish(failed, store, quiet)).rejects.toMatchObject({ code: 'CHECK_FAILED' });
    const newer = await writeOutputFolder(folder, 'b', '20261123.1', (manifest) => ({
      ...manifest,
      schema: 'gabarit.manifest/2' as 'gabarit.manifest/1',
    }));
    await expect(publish(newer, store, quiet)).rejects.toThrow(
      'is written as gabarit.manifest/2; this Gabarit knows gabarit.manifest/1',
    );
    await writeFile(join(newer, 'manifest.json'), '{"schema":');
    await expect(publish(newer, store, quiet)).rejects.toMatchObject({ code: 'IMAGE_INVALID' });
    await expect(publish(join(folder, 'none'), store, quiet)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    const good = await writeOutputFolder(folder, 'c', '20261123.1');
    await expect(publish(good, store, { ...quiet, channel: 'Sta ble' })).rejects.toMatchObject({ code: 'USAGE' });
    expect(await contentOf(store)).toEqual({});
  });

  it('keeps what a newer Gabarit wrote into the index, and refuses a newer major', async () => {
    const store = openMemoryStore();
    await publish(await writeOutputFolder(folder, 'debian-12', '20261123.1'), store, quiet);
    const index = await indexOf(store, 'debian-12');
    const put = async (value: object): Promise<void> => {
      const bytes = Buffer.from(JSON.stringify(value));
      await store.put('templates/debian-12/index.json', { bytes }, { digest: digestOf(bytes), size: bytes.length });
    };
    await put({
      signed: { ...index, novel: ['x'], images: index.images.map((image) => ({ ...image, novel: 's' })) },
      signatures: [],
    });
    const second = await writeOutputFolder(folder, 'debian-12', '20261123.2');
    await publish(second, store, quiet);
    expect(await indexOf(store, 'debian-12')).toMatchObject({
      novel: ['x'],
      images: [{ version: '20261123.2' }, { novel: 's' }],
    });
    await put({ signed: { ...index, schema: 'gabarit.index/2' }, signatures: [] });
    await expect(publish(second, store, quiet)).rejects.toMatchObject({
      code: 'IMAGE_INVALID',
      hint: 'A newer Gabarit wrote it: update this one.',
    });
  });
});

describe('a store that fails', () => {
  /** Fails at the n-th operation, before or after it took effect. */
  function failing(store: Store, at: number, when: 'before' | 'after'): { store: Store; count: () => number } {
    let operations = 0;
    const guard = async <T>(work: () => Promise<T>): Promise<T> => {
      operations += 1;
      const fails = operations === at;
      const fault = new AppError('STORE_FAILED', `operation ${operations} fails`);
      if (fails && when === 'before') throw fault;
      const result = await work();
      if (fails) throw fault;
      return result;
    };
    const wrapped: Store = {
      ...store,
      put: (...args) => guard(() => store.put(...args)),
      get: (...args) => guard(() => store.get(...args)),
      head: (...args) => guard(() => store.head(...args)),
    };
    return { store: wrapped, count: () => operations };
  }

  it.each(['before', 'after'] as const)(
    'never shows an image that is not whole, and is put right by repeating (%s each operation)',
    async (when) => {
      const [first, second] = [
        await writeOutputFolder(folder, 'd', '20261123.1'),
        await writeOutputFolder(folder, 'd', '20261123.2'),
      ];
      const counted = failing(openMemoryStore(), 0, when);
      await publish(first, counted.store, { ...quiet, channel: 'dev' });
      expect(counted.count()).toBeGreaterThan(10);
      for (let at = 1; at <= counted.count(); at += 1) {
        const store = openMemoryStore();
        await publish(first, store, { ...quiet, channel: 'dev' });
        // It is told, or, where only the answer of the index was lost, it has happened.
        const outcome = await publish(second, failing(store, at, when).store, { ...quiet, channel: 'dev' }).catch(
          (error: unknown) => error,
        );
        if (outcome instanceof AppError) expect(outcome.code).toBe('STORE_FAILED');
        else expect((await find(store, 'd@dev')).version).toBe('20261123.2');
        expect(await expectWhole(store)).toBeGreaterThan(0);
        const again = await publish(second, store, { ...quiet, channel: 'dev' });
        expect(await expectWhole(store)).toBe(2);
        expect((await find(store, 'd@dev')).digest).toBe(again.digest);
      }
    },
  );

  it('that holds other bytes under the key of an image is found out', async () => {
    const store = openMemoryStore();
    const output = await writeOutputFolder(folder, 'd', '20261123.1');
    const image = await publish(output, store, quiet);
    const other = { digest: digestOf('other'), size: 5 };
    await store.put(image.manifest, { bytes: Buffer.from('other') }, other);
    await expect(publish(output, store, quiet)).rejects.toMatchObject({ code: 'CONFLICT' });
    await expect(openCatalog(store).show({ template: 'd', by: 'newest' })).rejects.toMatchObject({ code: 'DIGEST_MISMATCH' });
  });
});

describe('names', () => {
  it('finds the newest, a version, a digest and a channel', async () => {
    const store = openFileStore(join(folder, 'store'));
    const versions = ['20261123.9', '20261123.10', '20261122.11'];
    for (const version of versions) await publish(await writeOutputFolder(folder, 'debian-12', version), store, quiet);
    const catalog = openCatalog(store);
    expect((await catalog.list()).map(({ images }) => images.map(({ version }) => version))).toEqual([
      ['20261123.10', '20261123.9', '20261122.11'],
    ]);
    expect((await find(store, 'debian-12')).version).toBe('20261123.10');
    const nine = await find(store, 'debian-12@20261123.9');
    expect(await find(store, `debian-12@${nine.digest}`)).toEqual(nine);
    await catalog.promote('stable', { template: 'debian-12', by: 'version', version: '20261123.9' }, 'none');
    expect(await find(store, 'debian-12@stable')).toEqual(nine);
    expect((await catalog.show({ template: 'debian-12', by: 'newest' })).channels).toEqual([]);
    expect((await catalog.show({ template: 'debian-12', by: 'channel', channel: 'stable' })).channels).toEqual(['stable']);
  });

  it('says what there is when there is no such thing', async () => {
    const store = openMemoryStore();
    await publish(await writeOutputFolder(folder, 'debian-12', '20261123.1'), store, { ...quiet, channel: 'stable' });
    await expect(find(store, 'debian-21')).rejects.toThrow(
      'There is no template debian-21 in memory:; did you mean "debian-12"?',
    );
    await expect(find(store, 'debian-12@stabel')).rejects.toThrow('debian-12 has no channel stabel; did you mean "stable"?');
    await expect(find(store, 'debian-12@constructor')).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(find(store, 'debian-12@20261123.2')).rejects.toThrow(
      'There is no debian-12@20261123.2; the newest is 20261123.1',
    );
    await expect(find(store, `debian-12@sha256:${'0'.repeat(64)}`)).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  it('moves a channel only from where the caller saw it', async () => {
    const store = openMemoryStore();
    const [one, two, three] = await Promise.all(
      ['20261123.1', '20261123.2', '20261123.3'].map(async (version) =>
        publish(await writeOutputFolder(folder, 'd', version), store, quiet),
      ),
    );
    const catalog = openCatalog(store);
    const move = (image: typeof one, seen: string) =>
      catalog.promote('stable', { template: 'd', by: 'digest', digest: image?.digest ?? '' }, seen);
    await expect(move(one, two?.digest ?? '')).rejects.toMatchObject({ code: 'CONFLICT' });
    await move(one, await catalog.seen('d', 'stable'));
    await move(two, one?.digest ?? '');
    await expect(move(three, one?.digest ?? '')).rejects.toThrow('it points at 20261123.2');
    expect((await find(store, 'd@stable')).version).toBe('20261123.2');
    await expect(
      catalog.promote('stable', { template: 'd', by: 'version', version: '20200101.1' }, 'none'),
    ).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(catalog.promote('A', { template: 'd', by: 'newest' }, 'none')).rejects.toMatchObject({ code: 'USAGE' });
  });

  it('lets one of many who saw the same move a channel', async () => {
    const store = openFileStore(join(folder, 'store'));
    const images = [];
    for (let number = 0; number < 8; number += 1)
      images.push(await publish(await writeOutputFolder(folder, 'd', `20261123.${number}`), store, quiet));
    const outcomes = await Promise.allSettled(
      images.map(({ digest }) =>
        openCatalog(openFileStore(join(folder, 'store'))).promote('stable', { template: 'd', by: 'digest', digest }, 'none'),
      ),
    );
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect(await expectWhole(store)).toBe(8);
  });
});
