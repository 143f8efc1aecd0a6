import { randomBytes } from 'node:crypto';
import { text } from 'node:stream/consumers';
import { afterEach, describe, expect, it } from 'vitest';
import { startFakeStore } from '../../test/fakes/s3-store.ts';
import type { PutOptions, Store } from '../model/store.ts';
import { digestOf } from '../util/digest.ts';
import { AppError } from '../util/errors.ts';
import { Scope } from '../util/scope.ts';
import { openS3Store, s3 as plugin } from './s3.ts';

const scope = new Scope();
afterEach(() => scope.close());

function write(store: Store, key: string, body: string | Buffer, more: Partial<PutOptions> = {}) {
  const bytes = Buffer.from(body);
  return store.put(key, { bytes }, { digest: digestOf(bytes), size: bytes.length, ...more });
}

async function failure(work: Promise<unknown>): Promise<AppError> {
  const error: unknown = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (error instanceof AppError) return error;
  throw new Error(`not an AppError: ${String(error)}`);
}

describe('the address of a store', () => {
  const context = { environment: {}, stateDir: '/state', emit: () => undefined };

  it('is a bucket, with a prefix or without', () => {
    expect(['s3://b/x', 's3:x', 'file:/x', '/s3'].map((url) => plugin.accepts(url))).toEqual([true, true, false, false]);
    expect(openS3Store('s3://images', context).url).toBe('s3://images');
    expect(openS3Store('s3://images/a/b//', context).url).toBe('s3://images/a/b');
  });

  it.each([
    's3://',
    's3://A',
    's3://b',
    's3:images',
    's3://images//x',
    's3://images/a b',
    's3://images/é',
    's3://images/..',
    's3://key:secret@images',
  ])('is not %s', (url) => {
    expect(() => openS3Store(url, context)).toThrow(AppError);
  });

  it('is refused where certificates are not checked', () => {
    const careless = { ...context, environment: { NODE_TLS_REJECT_UNAUTHORIZED: '0' } };
    expect(() => openS3Store('s3://images', careless)).toThrow(
      'NODE_TLS_REJECT_UNAUTHORIZED=0 turns off the check of certificates',
    );
  });
});

describe('what is sent', () => {
  it('has its length and digests, and nothing that only newer endpoints know', async () => {
    const { s3, open } = await startFakeStore(scope);
    await write(open(), 'a/index.json', '{}');
    await write(open(), 'a/disk.qcow2', randomBytes(200_000));
    const sent = s3.requests.filter(({ operation }) => operation === 'PutObject' || operation === 'UploadPart');
    expect(sent).toHaveLength(5);
    for (const { headers } of sent) {
      expect(headers['content-length']).toMatch(/^[1-9]\d*$/);
      expect(headers['content-md5']).toMatch(/^[A-Za-z0-9+/]{22}==$/);
      expect(headers['x-amz-content-sha256']).toMatch(/^[0-9a-f]{64}$/);
      const strange =
        /^(expect|transfer-encoding|content-encoding|x-amz-checksum-.*|x-amz-sdk-checksum-algorithm|x-amz-trailer)$/;
      expect(Object.keys(headers).filter((name) => strange.test(name))).toEqual([]);
    }
    expect(sent[0]?.headers).toMatchObject({ 'content-type': 'application/json', 'x-amz-meta-sha256': digestOf('{}').slice(7) });
  });

  it('has checksums where they are wished, and Expect', async () => {
    const { s3, open } = await startFakeStore(scope);
    const bytes = randomBytes(200_000);
    const store = open({ checksums: 'always', expectContinue: true });
    await write(store, 'small', 'x');
    await write(store, 'large', bytes);
    const sent = s3.requests.filter(({ operation }) => operation === 'PutObject' || operation === 'UploadPart');
    for (const { headers } of sent)
      expect(headers).toMatchObject({ expect: '100-continue', 'x-amz-checksum-crc32': expect.any(String) });
    expect(await s3.read('images', 'some/prefix/large')).toEqual(bytes);
  });

  it('is signed with version 2 only when that is wished, and that is warned of each time', async () => {
    const { s3, open, events } = await startFakeStore(scope, { dialect: { signatures: ['v2'] } });
    expect((await failure(write(open(), 'k', 'x'))).code).toMatch(/STORE_/);
    expect(events).toEqual([]);
    const store = open({ signature: 'v2' });
    await write(store, 'k', 'x');
    await write(store, 'large', randomBytes(200_000));
    expect(await text(await store.get('k'))).toBe('x');
    expect(s3.requests.at(-1)?.signature).toBe('v2');
    expect(events).toMatchObject([{ type: 'log', level: 'warn' }]);
    open({ signature: 'v2' });
    expect(events).toHaveLength(2);
    expect(() => open({ signature: 'v2', addressing: 'virtual-host' })).toThrow('needs "addressing: path"');
  });
});

describe('conditions', () => {
  it.each([
    ['honour', 'honour', { ifAbsent: true, ifMatch: true }],
    ['ignore', 'honour', { ifAbsent: true, ifMatch: false }],
    ['honour', 'ignore', { ifAbsent: false, ifMatch: true }],
    ['refuse', 'refuse', { ifAbsent: false, ifMatch: false }],
  ] as const)('are known where If-Match: %s, If-None-Match: %s', async (ifMatch, ifNoneMatch, expected) => {
    const { s3, open } = await startFakeStore(scope, { dialect: { ifMatch, ifNoneMatch } });
    const store = open();
    expect(await store.conditionalWrites()).toEqual(expected);
    expect(s3.keys('images')).toEqual([]);
    const asked = s3.requests.length;
    expect(await open().conditionalWrites()).toEqual(expected);
    expect(s3.requests).toHaveLength(asked);
    // Also where they are not honoured, what can be seen beforehand counts.
    for (const body of ['x', 'y'.repeat(200_000)]) {
      const key = `k${body.length}`;
      const first = await write(store, key, body, { ifAbsent: true });
      expect((await failure(write(store, key, body, { ifAbsent: true }))).code).toBe('CONFLICT');
      const second = await write(store, key, `${body}2`, { ifMatch: first.etag });
      expect((await failure(write(store, key, `${body}3`, { ifMatch: first.etag }))).code).toBe('CONFLICT');
      expect(await store.head(key)).toEqual(second);
    }
  });

  it('are met by a write whose answer was lost', async () => {
    const { s3, open } = await startFakeStore(scope);
    const store = open();
    s3.inject({ kind: 'lose-answer', on: 'PutObject', key: 'some/prefix/k' });
    const first = await write(store, 'k', 'one', { ifAbsent: true });
    s3.inject({ kind: 'lose-answer', on: 'PutObject', key: 'some/prefix/k' });
    await write(store, 'k', 'two', { ifMatch: first.etag });
    expect(await text(await store.get('k'))).toBe('two');
    expect((await failure(write(store, 'k', 'three', { ifMatch: first.etag }))).code).toBe('CONFLICT');
  });

  it('are not met by the same bytes of another writer', async () => {
    const { s3, open } = await startFakeStore(scope);
    await open().conditionalWrites();
    await write(open(), 'k', 'same');
    s3.inject({ kind: 'error', code: 'SlowDown', on: 'PutObject' });
    expect((await failure(write(open(), 'k', 'same', { ifAbsent: true }))).code).toBe('CONFLICT');
  });
});

describe('an endpoint that has trouble', () => {
  it.each([
    ['is asked to be slower', { kind: 'error', code: 'SlowDown', rate: 0.3 }],
    ['fails', { kind: 'error', code: 'InternalError', rate: 0.3 }],
    ['tears what is sent', { kind: 'cut-request', bytes: 3, rate: 0.3 }],
    ['tears what it answers', { kind: 'cut-answer', bytes: 3, rate: 0.2 }],
    ['loses answers', { kind: 'lose-answer', rate: 0.2 }],
  ] as const)('and %s is asked again', async (_, fault) => {
    const { s3, open } = await startFakeStore(scope);
    const store = open();
    await write(store, 'first', 'x');
    s3.inject(fault);
    const bodies = Array.from({ length: 10 }, (__, count) => `body ${count}`);
    await Promise.all(bodies.map((body, count) => write(store, `k/${count}`, body, { ifAbsent: true })));
    const read = await Promise.all(bodies.map(async (___, count) => text(await store.get(`k/${count}`))));
    expect(read).toEqual(bodies);
    const keys: string[] = [];
    for await (const { key } of store.list('k/')) keys.push(key);
    expect(keys).toHaveLength(10);
  });

  it('goes on reading where it was torn, and finds a wrong bit', async () => {
    const { s3, open } = await startFakeStore(scope);
    const body = randomBytes(50_000);
    const store = open();
    await write(store, 'k', body);
    s3.inject({ kind: 'cut-answer', bytes: 20_000, on: 'GetObject' });
    const chunks: Buffer[] = [];
    for await (const chunk of await store.get('k')) chunks.push(chunk as Buffer);
    expect(Buffer.concat(chunks).equals(body)).toBe(true);
    await s3.flip('images', 'some/prefix/k', 12_345);
    expect((await failure(text(await store.get('k')))).code).toBe('DIGEST_MISMATCH');
  });

  it('lists many pages, and what others put there does not disturb', async () => {
    const { s3, open } = await startFakeStore(scope, { dialect: { pageSize: 3 } });
    const store = open();
    for (let count = 0; count < 10; count += 1) await write(store, `k/${count}`, 'x');
    await s3.plant('images', 'some/prefix/k/with space é', Buffer.from('x'));
    await s3.plant('images', 'some/prefix-of-others/k/x', Buffer.from('x'));
    const keys: string[] = [];
    for await (const { key } of store.list('k')) keys.push(key);
    expect(keys).toEqual(Array.from({ length: 10 }, (_, count) => `k/${count}`));
  });

  it('and whose clock is wrong is given its own time', async () => {
    for (const minutes of [-20, 20]) {
      const { s3, open } = await startFakeStore(scope);
      s3.clockOffsetMs = minutes * 60_000;
      for (const signature of ['v4', 'v2'] as const) {
        await write(open({ signature }), 'k', 'x');
        await write(open({ signature }), 'large', randomBytes(200_000));
      }
    }
  });
});
