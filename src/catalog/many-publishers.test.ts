import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type FakeS3, startS3 } from '../../test/fakes/s3.ts';
import { writeOutputFolder } from '../../test/fakes/output-folder.ts';
import type { TemplateIndex } from '../model/catalog.ts';
import type { Store } from '../model/store.ts';
import { defaultStoreSettings } from '../model/store-settings.ts';
import { openFileStore } from '../stores/file.ts';
import { openMemoryStore } from '../stores/memory.ts';
import { openS3Store } from '../stores/s3.ts';
import { digestOf } from '../util/digest.ts';
import { AppError } from '../util/errors.ts';
import { start } from '../util/exec.ts';
import { Scope } from '../util/scope.ts';
import { openCatalog } from './open-catalog.ts';
import { publish } from './publish.ts';

/** What holds however many write at once, and whatever the store makes of conditions. */

const isSlow = process.env['GABARIT_SLOW'] !== undefined;
let folder = '';
let scope = new Scope();
beforeEach(async () => {
  scope = new Scope();
  folder = await mkdtemp(join(tmpdir(), 'gabarit-many-'));
  scope.defer(() => rm(folder, { recursive: true }));
});
afterEach(() => scope.close());
const quiet = { emit: () => undefined };

interface Kind {
  name: string;
  publications: number;
  open: () => Promise<{ open: () => Store; s3?: FakeS3 }>;
}

function s3Kind(
  name: string,
  publications: number,
  dialect: { ifMatch: 'honour' | 'ignore'; ifNoneMatch: 'honour' | 'ignore' },
): Kind {
  return {
    name: `s3, ${name}`,
    publications: isSlow ? 100 : publications,
    async open() {
      const s3 = await startS3({ buckets: ['images'], dialect });
      scope.defer(() => s3.close());
      return { open: () => openOn(s3), s3 };
    },
  };
}

function openOn(s3: FakeS3): Store {
  const environment = { A: s3.accessKey, S: s3.secretKey };
  const credentials = { accessKey: 'env:A', secretKey: 'env:S' };
  const settings = { ...defaultStoreSettings('s3://images/x'), endpoint: s3.url, region: s3.region, credentials };
  return openS3Store('s3://images/x', { settings, environment, stateDir: join(folder, 'state'), emit: () => undefined });
}

const kinds: Kind[] = [
  {
    name: 'memory',
    publications: isSlow ? 100 : 10,
    open: async () => {
      const store = openMemoryStore();
      return { open: () => store };
    },
  },
  { name: 'a folder', publications: isSlow ? 100 : 2, open: async () => ({ open: () => openFileStore(join(folder, 'store')) }) },
  s3Kind('conditions honoured', 5, { ifMatch: 'honour', ifNoneMatch: 'honour' }),
  s3Kind('If-Match ignored', 2, { ifMatch: 'ignore', ifNoneMatch: 'honour' }),
  s3Kind('all conditions ignored', 2, { ifMatch: 'ignore', ifNoneMatch: 'ignore' }),
];

async function indexOf(store: Store): Promise<TemplateIndex> {
  return (JSON.parse(await text(await store.get('templates/d/index.json'))) as { signed: TemplateIndex }).signed;
}

/** What a reader must be able to rely on: all that an index names is there. */
async function missingIn(store: Store, index: TemplateIndex, newest = index.images.length): Promise<string[]> {
  const missing: string[] = [];
  for (const { manifest, artifacts, digest } of index.images.slice(0, newest)) {
    if (digestOf(await text(await store.get(manifest))) !== digest) missing.push(manifest);
    for (const { key, size } of artifacts) if ((await store.head(key))?.size !== size) missing.push(key);
  }
  const digests = new Set(index.images.map((image) => image.digest));
  return [...missing, ...Object.keys(index.channels).filter((name) => !digests.has(index.channels[name]?.digest ?? ''))];
}

describe.each(kinds)('16 publishers at once in $name', ({ open: openKind, publications }) => {
  it(
    `lose none of ${16 * publications} publications, and no reader sees a part of one`,
    async () => {
      const { open } = await openKind();
      const done = new AbortController();
      const outputs = await Promise.all(
        Array.from({ length: 16 * publications }, (_, at) => writeOutputFolder(folder, 'd', `20261123.${at}`)),
      );
      const publisher = async (number: number): Promise<void> => {
        const store = open();
        for (let count = 0; count < publications; count += 1)
          await publish(outputs[number * publications + count] ?? '', store, { ...quiet, channel: `c${number}` });
      };
      const seen: number[] = [];
      const reader = async (): Promise<void> => {
        const store = open();
        while (!done.signal.aborted) {
          if (await store.head('templates/d/index.json')) {
            const index = await indexOf(store);
            expect(await missingIn(store, index, 8)).toEqual([]);
            seen.push(index.sequence);
          }
          await sleep(50);
        }
      };
      const started = performance.now();
      const reading = reader();
      await Promise.all(Array.from({ length: 16 }, (_, number) => publisher(number)));
      const seconds = (performance.now() - started) / 1000;
      done.abort();
      await reading;
      const index = await indexOf(open());
      expect(index.images).toHaveLength(16 * publications);
      expect(Object.keys(index.channels)).toHaveLength(16);
      expect(await missingIn(open(), index)).toEqual([]);
      expect(seen.length).toBeGreaterThan(1);
      if (isSlow) console.info(`${16 * publications} publications in ${seconds.toFixed(1)} s, ${seen.length} reads`); // eslint-disable-line no-console
    }, // Where conditions are ignored, 1,600 publications took 1,695 s on two cores.
    isSlow ? 3_600_000 : 300_000,
  );
});

describe.each(kinds.filter(({ name }) => name !== 'memory'))(
  'a publisher that is stopped before it writes the index, in $name',
  ({ open: openKind }) => {
    it('takes nothing from those who went on, and gets in itself when it wakes up', async () => {
      const { open, s3 } = await openKind();
      const publishHere = async (version: string, channel: string): Promise<unknown> =>
        publish(await writeOutputFolder(folder, 'd', version), open(), { ...quiet, channel });
      await publishHere('20261120.1', 'dev');
      const request = {
        output: await writeOutputFolder(folder, 'd', '20261120.2'),
        store: join(folder, 'store'),
        stateDir: join(folder, 'state'),
        ...(s3 ? { s3: { url: s3.url, region: s3.region, accessKey: s3.accessKey, secretKey: s3.secretKey } } : {}),
      };
      const script = join(import.meta.dirname, '../../test/fakes/sleeping-publisher.ts');
      const child = start([process.execPath, script]);
      child.stdin?.end(JSON.stringify(request));
      let said = '';
      child.stderr?.on('data', (chunk: Buffer) => (said += chunk.toString()));
      const closed = new Promise<number | null>((resolve) => child.once('close', resolve));
      scope.defer(() => void child.kill('SIGKILL'));
      await expect.poll(() => stateOf(child.pid ?? 0), { timeout: 30_000, interval: 50 }).toBe('T');
      await publishHere('20261120.3', 'dev');
      await publishHere('20261120.4', 'stable');
      child.kill('SIGCONT');
      expect([await closed, said]).toEqual([0, '']);
      const index = await indexOf(open());
      expect(index.images.map(({ version }) => version)).toEqual(['20261120.4', '20261120.3', '20261120.2', '20261120.1']);
      expect(index.channels['dev']?.version).toBe('20261120.3');
      expect(index.channels['stable']?.version).toBe('20261120.4');
      expect(await missingIn(open(), index)).toEqual([]);
    }, 60_000);
  },
);

/** `T`: stopped. */
async function stateOf(pid: number): Promise<string> {
  if (!existsSync(`/proc/${pid}/stat`)) return 'gone';
  return /\) (.)/.exec(await readFile(`/proc/${pid}/stat`, 'utf8'))?.[1] ?? '';
}

describe('an S3 that fails', () => {
  it('and loses the answers of half of its writes: each publication is done, once', async () => {
    const s3 = await startS3({ buckets: ['images'] });
    scope.defer(() => s3.close());
    s3.inject({ kind: 'lose-answer', on: 'PutObject', rate: 0.5 });
    for (const version of ['20261120.1', '20261120.2', '20261120.3'])
      await publish(await writeOutputFolder(folder, 'd', version), openOn(s3), { ...quiet, channel: 'dev' });
    const index = await indexOf(openOn(s3));
    expect(index.images.map(({ version }) => version)).toEqual(['20261120.3', '20261120.2', '20261120.1']);
    expect(index.channels['dev']?.version).toBe('20261120.3');
  });

  it('in the middle of a publication: the next attempt does only the rest', async () => {
    const s3 = await startS3({ buckets: ['images'] });
    scope.defer(() => s3.close());
    const output = await writeOutputFolder(folder, 'd', '20261120.1');
    s3.deny.add('put');
    const isIndex = (key: string): boolean => key.endsWith('/index.json');
    await expect(publish(output, openOn(s3), quiet)).rejects.toMatchObject({ code: expect.stringMatching(/^STORE_/) });
    s3.deny.clear();
    const real = openOn(s3);
    const cut: Store = {
      ...real,
      put: (key, ...rest) => (isIndex(key) ? Promise.reject(new AppError('STORE_FAILED', 'it is down')) : real.put(key, ...rest)),
    };
    await expect(publish(output, cut, quiet)).rejects.toMatchObject({ code: 'STORE_FAILED' });
    expect(s3.keys('images').some(isIndex)).toBe(false);
    const before = s3.requests.length;
    await publish(output, openOn(s3), quiet);
    const written = s3.requests.slice(before).filter(({ operation }) => operation === 'PutObject');
    expect(written.map(({ key }) => key?.replace(/.*templates\/d\//, ''))).toEqual(['index.json', 'index/0000000000000001.json']);
    expect((await openCatalog(openOn(s3)).resolve({ template: 'd', by: 'newest' })).version).toBe('20261120.1');
  });
});
