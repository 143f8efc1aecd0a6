import { randomBytes } from 'node:crypto';
import { truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { partBytes, startFakeStore, type StoreAtFake } from '../../../test/fakes/s3-store.ts';
import type { PutOptions, Store } from '../../model/store.ts';
import { digestOf } from '../../util/digest.ts';
import { AppError } from '../../util/errors.ts';
import { Scope } from '../../util/scope.ts';
import { parseAddress } from './address.ts';
import { connect, settingsOf } from './connection.ts';
import { sweepUnfinished } from './unfinished.ts';

const scope = new Scope();
let fake: StoreAtFake;
let file = '';
/** Twenty parts, the last one short. */
const bytes = randomBytes(20 * partBytes - 1000);
const announced = { digest: digestOf(bytes), size: bytes.length };
const key = 'some/prefix/disk';

beforeEach(async () => {
  fake = await startFakeStore(scope);
  file = join(fake.folder, 'disk');
  await writeFile(file, bytes);
});
afterEach(() => scope.close());

function upload(store: Store, more: Partial<PutOptions> = {}): Promise<unknown> {
  return store.put('disk', { path: file }, { ...announced, ...more });
}

const codeOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'no error',
    (error: unknown) => (error instanceof AppError ? error.code : String(error)),
  );

/** The numbers of the parts that were sent, and those of them that arrived. */
function partsSent(): number[] {
  return fake.s3.requests.flatMap(({ operation, part, status }) =>
    operation === 'UploadPart' && status === 200 ? [part ?? 0] : [],
  );
}

/** Uploads until so many parts are there, then dies as a process does: nothing is taken back. */
async function uploadUntil(parts: number, store = fake.open()): Promise<void> {
  const cancel = new AbortController();
  const onProgress = (): void => {
    if (partsSent().length >= parts) cancel.abort();
  };
  expect(await codeOf(upload(store, { signal: cancel.signal, onProgress }))).toBe('CANCELLED');
  expect(await store.head('disk')).toBeUndefined();
}

async function expectWhole(): Promise<void> {
  expect((await fake.s3.read('images', key))?.equals(bytes)).toBe(true);
  expect(fake.s3.uploads('images')).toEqual([]);
}

describe('a large object', () => {
  it('is sent in several parts at once, and says how far it is', async () => {
    const seen: number[] = [];
    await upload(fake.open(), { onProgress: (count) => seen.push(count) });
    expect(partsSent().toSorted((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, at) => at + 1));
    expect(seen).toEqual(seen.toSorted((a, b) => a - b));
    expect(seen.at(-1)).toBe(bytes.length);
    await expectWhole();
  });

  it('is not sent again as far as it is there, also with other settings', async () => {
    await uploadUntil(12);
    expect(partsSent().length).toBeGreaterThanOrEqual(12);
    await upload(fake.open({ partSize: 3 * partBytes, parallel: 2 }));
    expect(partsSent().toSorted((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, at) => at + 1));
    await expectWhole();
  });

  it('of another content is begun anew under its own digest', async () => {
    await uploadUntil(8);
    bytes[partBytes + 5] = (bytes[partBytes + 5] ?? 0) ^ 1;
    announced.digest = digestOf(bytes);
    await writeFile(file, bytes);
    await upload(fake.open());
    await expectWhole();
    const head = fake.s3.requests.findLast(({ operation }) => operation === 'CreateMultipartUpload');
    expect(head?.headers['x-amz-meta-sha256']).toBe(announced.digest.slice(7));
  });

  it('that is not what was announced is not made, and its parts are thrown away', async () => {
    await truncate(file, bytes.length - 1);
    expect(await codeOf(upload(fake.open()))).toBe('DIGEST_MISMATCH');
    await writeFile(file, Buffer.concat([bytes, Buffer.alloc(1)]));
    expect(await codeOf(upload(fake.open()))).toBe('DIGEST_MISMATCH');
    await writeFile(file, bytes.toReversed());
    expect(await codeOf(upload(fake.open()))).toBe('DIGEST_MISMATCH');
    expect(fake.s3.keys('images')).toEqual([]);
    expect(fake.s3.uploads('images')).toEqual([]);
  });

  it('may be sent by two at once', async () => {
    await uploadUntil(4);
    await Promise.all([upload(fake.open()), upload(fake.open())]);
    expect((await fake.s3.read('images', key))?.equals(bytes)).toBe(true);
    const outcomes = await Promise.all([1, 2, 3].map(() => codeOf(upload(fake.open(), { ifAbsent: true }))));
    expect(outcomes).toEqual(['CONFLICT', 'CONFLICT', 'CONFLICT']);
  });

  it('flows at the rate that is given', async () => {
    const startMs = performance.now();
    await upload(fake.open({ limit: 2 * bytes.length }));
    expect(performance.now() - startMs).toBeGreaterThan(300);
    await expectWhole();
  });
});

describe('an endpoint that has trouble while a large object is sent', () => {
  it.each([
    ['is asked to be slower', { kind: 'error', code: 'SlowDown', rate: 0.2 }],
    ['tears parts', { kind: 'cut-request', bytes: 30_000, on: 'UploadPart', rate: 0.3 }],
    ['loses answers', { kind: 'lose-answer', on: 'UploadPart', rate: 0.3 }],
    ['loses the answer to the beginning', { kind: 'lose-answer', on: 'CreateMultipartUpload' }],
    ['loses the answer to the end', { kind: 'lose-answer', on: 'CompleteMultipartUpload' }],
    ['answers the end with 200 and an error', { kind: 'error-in-200', on: 'CompleteMultipartUpload' }],
    [
      'answers the end with 200 and an error, having done it',
      { kind: 'error-in-200', on: 'CompleteMultipartUpload', done: true },
    ],
    ['cannot list uploads', { kind: 'error', code: 'NotImplemented', on: ['ListMultipartUploads', 'ListParts'], rate: 1 }],
    ['cuts short what it lists', { kind: 'cut-answer', bytes: 50, on: 'ListParts' }],
  ] as const)('and %s', async (_, fault) => {
    fake.s3.inject(fault);
    await upload(fake.open(), { ifAbsent: true });
    expect((await fake.s3.read('images', key))?.equals(bytes)).toBe(true);
  });

  it('and is away for a while, in the middle of a part', async () => {
    let wasDown = false;
    const onProgress = (count: number): void => {
      if (wasDown || count < bytes.length / 2) return;
      wasDown = true;
      fake.s3.down(process.env['GABARIT_SLOW'] ? 30_000 : 2000);
    };
    await upload(fake.open(), { onProgress });
    expect(wasDown).toBe(true);
    await expectWhole();
  });

  it('and forgets the upload', async () => {
    fake.s3.inject({ kind: 'error', code: 'NoSuchUpload', on: 'UploadPart', after: 10 });
    await upload(fake.open());
    expect((await fake.s3.read('images', key))?.equals(bytes)).toBe(true);
  });

  it('and whose tags are no digests is read back', async () => {
    const { s3, open } = await startFakeStore(scope, { dialect: { etag: 'opaque', completeEtag: 'empty' } });
    await upload(open());
    expect((await s3.read('images', key))?.equals(bytes)).toBe(true);
    expect(s3.requests.some(({ operation, sent }) => operation === 'GetObject' && sent === bytes.length)).toBe(true);
    s3.inject({ kind: 'flip-stored', on: 'UploadPart', part: 3 });
    await upload(open());
    expect((await s3.read('images', key))?.equals(bytes)).toBe(true);
    s3.inject({ kind: 'flip-stored', on: 'UploadPart', part: 3, rate: 1 });
    expect(await codeOf(upload(open()))).toBe('DIGEST_MISMATCH');
  });
});

describe('uploads that nobody goes on with', () => {
  const dayMs = 24 * 60 * 60 * 1000;

  it('are swept after a day, below the own prefix only', async () => {
    await uploadUntil(3);
    const { s3 } = fake;
    const elsewhere = parseAddress('s3://images/other');
    const environment = { AWS_ACCESS_KEY_ID: s3.accessKey, AWS_SECRET_ACCESS_KEY: s3.secretKey, AWS_ENDPOINT_URL: s3.url };
    const context = { environment, stateDir: fake.folder, emit: () => undefined };
    const connection = connect(settingsOf(elsewhere, context), context);
    const sweep = (prefix: string, afterMs: number): Promise<number> =>
      sweepUnfinished(connection, prefix, undefined, Date.now() + afterMs);
    expect(await sweep('some/prefix/', dayMs / 2)).toBe(0);
    expect(await sweep('other/', 2 * dayMs)).toBe(0);
    expect(s3.uploads('images')).toHaveLength(1);
    expect(await sweep('some/prefix/', 2 * dayMs)).toBe(1);
    expect(s3.uploads('images')).toEqual([]);
    await upload(fake.open());
    await expectWhole();
  });
});
