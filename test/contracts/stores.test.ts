import { mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { ObjectInfo, PutOptions, Store } from '../../src/model/store.ts';
import type { StoreSettings } from '../../src/model/store-settings.ts';
import { openFileStore } from '../../src/stores/file.ts';
import { openMemoryStore } from '../../src/stores/memory.ts';
import { openS3Store } from '../../src/stores/s3.ts';
import { digestOf } from '../../src/util/digest.ts';
import { AppError } from '../../src/util/errors.ts';
import { retry } from '../../src/util/retry.ts';
import { Scope } from '../../src/util/scope.ts';
import { lacksMinio, startMinio } from '../peers/minio.ts';
import { needsRadosgw, type Radosgw, startRadosgw } from '../peers/radosgw.ts';
import type { S3Peer } from '../peers/s3-peer.ts';

/** What every store keeps, wherever its bytes lie. */
const isSlow = process.env['GABARIT_SLOW'] !== undefined;
const scope = new Scope();
afterEach(() => scope.close());

const skipsS3 = needsRadosgw();
const skipsMinio = lacksMinio();
const peerScope = new Scope();
let peer: Radosgw;
let minio: S3Peer;
beforeAll(async () => {
  if (!skipsS3) peer = await startRadosgw(await peerFolder(), peerScope);
  if (!skipsMinio) minio = await startMinio(await peerFolder(), peerScope);
});

async function peerFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 's3-peer-'));
  peerScope.defer(() => rm(folder, { recursive: true }));
  return folder;
}
afterAll(() => peerScope.close());

/** Stores in a bucket of their own: over TLS, and as old appliances have it. */
function s3Kind(name: string, skips: boolean, at: () => S3Peer, more: () => Partial<StoreSettings> = () => ({})): Kind {
  return {
    name,
    skips,
    rounds: isSlow ? 20 : 2,
    open: async () => {
      const s3 = at();
      const url = `s3://${await s3.bucket()}/some/prefix`;
      const settings = s3.settings(url, more());
      const stateDir = await temporaryFolder();
      return () => openS3Store(url, { settings, environment: s3.environment, stateDir, emit: () => undefined });
    },
  };
}

interface Kind {
  name: string;
  skips: boolean;
  /** How often each of many writers changes an object. */
  rounds: number;
  /** Makes an empty place, and returns what opens stores there. */
  open: () => Promise<() => Store>;
}

const kinds: Kind[] = [
  {
    name: 'memory',
    skips: false,
    rounds: isSlow ? 50 : 10,
    open: async () => {
      const store = openMemoryStore();
      return () => store;
    },
  },
  {
    name: 'file',
    skips: false,
    rounds: isSlow ? 50 : 10,
    open: async () => {
      const folder = await temporaryFolder();
      return () => openFileStore(`file:${folder}/new/store`);
    },
  },
  s3Kind('s3, signature version 4, TLS', skipsS3, () => peer),
  s3Kind(
    's3, signature version 2',
    skipsS3,
    () => peer,
    () => ({ signature: 'v2', endpoint: peer.endpoint, checksums: 'always' }),
  ),
  s3Kind('s3, MinIO', skipsMinio, () => minio),
];

async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'gabarit-store-'));
  scope.defer(() => rm(folder, { recursive: true }));
  return folder;
}

function write(store: Store, key: string, body: string, options: Partial<PutOptions> = {}): Promise<ObjectInfo> {
  const bytes = Buffer.from(body);
  return store.put(key, { bytes }, { digest: digestOf(bytes), size: bytes.length, ...options });
}

async function read(store: Store, key: string): Promise<string> {
  return text(await store.get(key));
}

async function keysOf(store: Store, prefix = ''): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of store.list(prefix)) keys.push(key);
  return keys.toSorted();
}

const codeOf = (error: unknown): string => (error instanceof AppError ? error.code : String(error));
const failure = (work: Promise<unknown>): Promise<string> => work.then(() => 'no error', codeOf);

describe.each(kinds)('store $name', ({ open, skips, rounds }) => {
  it.skipIf(skips)('gives back what was put, and says what it is', async () => {
    const store = (await open())();
    const info = await write(store, 'a/b/c.txt', 'hello');
    expect(await read(store, 'a/b/c.txt')).toBe('hello');
    expect(info).toMatchObject({ key: 'a/b/c.txt', size: 5 });
    expect(await store.head('a/b/c.txt')).toEqual(info);
    await write(store, 'empty', '');
    expect(await read(store, 'empty')).toBe('');
  });

  it.skipIf(skips)('knows what is not there', async () => {
    const store = (await open())();
    await write(store, 'a/b', 'x');
    for (const key of ['nothing', 'a', 'a/b/c', 'a/nothing']) {
      if (key !== 'a') expect(await store.head(key)).toBeUndefined();
      if (key !== 'a') expect(await failure(store.get(key))).toBe('NOT_FOUND');
    }
    await store.delete('nothing');
    expect(await keysOf(store)).toEqual(['a/b']);
  });

  it.skipIf(skips)('changes the tag with the content, however fast', async () => {
    const store = (await open())();
    const tags = new Set<string>();
    for (let count = 0; count < 20; count += 1) tags.add((await write(store, 'k', `version ${count}`)).etag);
    expect(tags.size).toBe(20);
  });

  it.skipIf(skips)('refuses a body that is not the announced one, and keeps what was there', async () => {
    const store = (await open())();
    await write(store, 'k', 'before');
    const digest = digestOf('after!');
    for (const body of ['after', 'after!!', 'aftez!']) {
      expect(await failure(store.put('k', { bytes: Buffer.from(body) }, { digest, size: 6 }))).toBe('DIGEST_MISMATCH');
    }
    expect(await failure(write(store, 'new', 'x', { digest }))).toBe('DIGEST_MISMATCH');
    expect([await read(store, 'k'), await keysOf(store)]).toEqual(['before', ['k']]);
  });

  it.skipIf(skips)('stores a file as it is announced, and says when there is none', async () => {
    const store = (await open())();
    const folder = await temporaryFolder();
    const [source, copy] = [join(folder, 'source'), join(folder, 'copy')];
    const bytes = Buffer.alloc(3 * 2 ** 20 + 7, 'gabarit ');
    await writeFile(source, bytes);
    const announced = { digest: digestOf(bytes), size: bytes.length };
    const seen: number[] = [];
    await store.put('big', { path: source }, { ...announced, onProgress: (count) => seen.push(count) });
    expect(seen.at(-1)).toBe(bytes.length);
    expect(seen.toSorted((a, b) => a - b)).toEqual(seen);
    await store.download('big', copy, announced);
    expect(bytes.equals(await readFile(copy))).toBe(true);
    await truncate(source, 5);
    expect(await failure(store.put('big', { path: source }, announced))).toBe('DIGEST_MISMATCH');
    expect(await failure(store.put('big', { path: join(folder, 'none') }, announced))).toBe('NOT_FOUND');
    expect(digestOf(await read(store, 'big'))).toBe(announced.digest);
  });

  it.skipIf(skips)('gives a downloaded file its name only when it is the announced one', async () => {
    const store = (await open())();
    const folder = await temporaryFolder();
    await write(store, 'k', 'hello');
    const download = (key: string, digest: string, size: number) =>
      failure(store.download(key, join(folder, 'copy'), { digest, size }));
    expect(await download('k', digestOf('other'), 5)).toBe('DIGEST_MISMATCH');
    expect(await download('k', digestOf('hello'), 6)).toBe('DIGEST_MISMATCH');
    expect(await download('k', digestOf('hello'), 4)).toBe('DIGEST_MISMATCH');
    expect(await download('none', digestOf('hello'), 5)).toBe('NOT_FOUND');
    expect(await readdir(folder)).toEqual([]);
    expect(await download('k', digestOf('hello'), 5)).toBe('no error');
    expect(await readdir(folder)).toEqual(['copy']);
    await write(store, 'empty', '');
    expect(await download('empty', digestOf(''), 0)).toBe('no error');
    expect(await readFile(join(folder, 'copy'), 'utf8')).toBe('');
  });

  it.skipIf(skips)('writes only what is absent, or unchanged, when asked to', async () => {
    const store = (await open())();
    const first = await write(store, 'k', 'one', { ifAbsent: true });
    expect(await failure(write(store, 'k', 'two', { ifAbsent: true }))).toBe('CONFLICT');
    const second = await write(store, 'k', 'two', { ifMatch: first.etag });
    expect(await failure(write(store, 'k', 'three', { ifMatch: first.etag }))).toBe('CONFLICT');
    expect(await failure(write(store, 'none', 'x', { ifMatch: second.etag }))).toBe('CONFLICT');
    expect([await read(store, 'k'), await keysOf(store)]).toEqual(['two', ['k']]);
  });

  it.skipIf(skips)('lists by prefix, and forgets what is deleted', async () => {
    const store = (await open())();
    for (const key of ['a/1', 'a/2/x', 'ab/3', 'b']) await write(store, key, key);
    expect(await keysOf(store)).toEqual(['a/1', 'a/2/x', 'ab/3', 'b']);
    expect(await keysOf(store, 'a')).toEqual(['a/1', 'a/2/x', 'ab/3']);
    expect(await keysOf(store, 'a/')).toEqual(['a/1', 'a/2/x']);
    expect(await keysOf(store, 'a/2')).toEqual(['a/2/x']);
    expect(await keysOf(store, 'c/')).toEqual([]);
    await store.delete('a/2/x');
    expect(await failure(store.get('a/2/x'))).toBe('NOT_FOUND');
    expect(await keysOf(store, 'a/')).toEqual(['a/1']);
    await write(store, 'a/2/x', 'again');
    expect(await read(store, 'a/2/x')).toBe('again');
  });

  it
    .skipIf(skips)
    .each([
      '',
      '/',
      'a//b',
      '/a',
      'a/',
      '..',
      'a/../b',
      './a',
      'a/.b',
      '.gabarit/lock',
      'a b',
      'é',
      'a\\b',
      'a\0',
      'x'.repeat(300),
    ])('refuses the key %j', async (key) => {
    const store = (await open())();
    expect(await failure(write(store, key, 'x'))).toBe('USAGE');
    expect(await failure(store.get(key))).toBe('USAGE');
    expect(await failure(store.head(key))).toBe('USAGE');
    expect(await failure(store.delete(key))).toBe('USAGE');
  });

  it.skipIf(skips)('takes any key of its alphabet', async () => {
    const store = (await open())();
    const part = fc.stringMatching(/^[A-Za-z0-9_-][A-Za-z0-9._-]{0,20}$/);
    await fc.assert(
      fc.asyncProperty(fc.array(part, { minLength: 1, maxLength: 4 }), fc.string(), async (parts, body) => {
        const key = ['p', ...parts.map((each, depth) => `${depth}${each}`), 'end'].join('/');
        await write(store, key, body);
        expect(await read(store, key)).toBe(Buffer.from(body).toString());
        await store.delete(key);
      }),
      { numRuns: rounds * 3 },
    );
    expect(await keysOf(store, 'p/')).toEqual([]);
  });

  it.skipIf(skips)('stops when cancelled, with nothing written', async () => {
    const store = (await open())();
    const cancel = new AbortController();
    const onProgress = (): void => cancel.abort();
    expect(await failure(write(store, 'k', 'x'.repeat(3 * 2 ** 20), { signal: cancel.signal, onProgress }))).toBe('CANCELLED');
    expect(await store.head('k')).toBeUndefined();
  });

  it.skipIf(skips)('lets one of many first writers win', async () => {
    const again = await open();
    const outcomes = await Promise.all(
      Array.from({ length: 16 }, (_, writer) => failure(write(again(), 'k', `writer ${writer}`, { ifAbsent: true }))),
    );
    expect(outcomes.filter((outcome) => outcome === 'no error')).toHaveLength(1);
    expect(outcomes.filter((outcome) => outcome === 'CONFLICT')).toHaveLength(15);
  });

  it.skipIf(skips)(
    `loses no update of 16 writers who each add ${rounds} times`,
    async () => {
      const again = await open();
      await write(again(), 'sum', '0');
      const addOne = async (store: Store): Promise<void> => {
        const tag = (await store.head('sum'))?.etag ?? '';
        const sum = Number(await read(store, 'sum')) + 1;
        await write(store, 'sum', String(sum), { ifMatch: tag });
      };
      const writer = async (): Promise<void> => {
        const store = again();
        for (let count = 0; count < rounds; count += 1)
          await retry(() => addOne(store), { attempts: 200, delayMs: 5, maxDelayMs: 200 });
      };
      await Promise.all(Array.from({ length: 16 }, writer));
      expect(await read(again(), 'sum')).toBe(String(16 * rounds));
    },
    240_000,
  );
});
