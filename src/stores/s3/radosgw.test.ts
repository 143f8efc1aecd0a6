import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { needsRadosgw, type Radosgw, startRadosgw } from '../../../test/peers/radosgw.ts';
import type { Store } from '../../model/store.ts';
import type { StoreSettings } from '../../model/store-settings.ts';
import { digestOf, digestOfFile } from '../../util/digest.ts';
import { AppError } from '../../util/errors.ts';
import { Scope } from '../../util/scope.ts';
import { openS3Store } from '../s3.ts';
import { parseAddress } from './address.ts';
import { connect, settingsOf } from './connection.ts';
import { sweepS3 } from './sweep.ts';
import { sweepUnfinished } from './unfinished.ts';

/** What only a real server shows. */
describe.skipIf(needsRadosgw())('at radosgw', () => {
  const scope = new Scope();
  let folder = '';
  let peer: Radosgw;
  let url = '';
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'rgw-'));
    scope.defer(() => rm(folder, { recursive: true }));
    peer = await startRadosgw(folder, scope);
    url = `s3://${await peer.bucket()}/templates`;
  });
  afterAll(() => scope.close());

  function open(more: Partial<StoreSettings> = {}, environment: Record<string, string> = {}): Store {
    const settings = peer.settings(url, more);
    return openS3Store(url, {
      settings,
      environment: { ...peer.environment, ...environment },
      stateDir: folder,
      emit: () => undefined,
    });
  }

  async function failure(work: Promise<unknown>): Promise<string> {
    const error: unknown = await work.then(
      () => new Error('no error'),
      (thrown: unknown) => thrown,
    );
    if (error instanceof AppError) return `${error.code}: ${error.message}`;
    throw error;
  }
  const write = (store: Store): Promise<unknown> =>
    store.put('k', { bytes: Buffer.from('x') }, { digest: digestOf('x'), size: 1 });

  it.each(['v4', 'v2'] as const)('a large file goes there in parts, is resumed, and comes back (%s)', async (signature) => {
    const file = join(folder, `disk-${signature}`);
    const bytes = randomBytes(40 * 2 ** 20 + 1);
    await writeFile(file, bytes);
    const announced = { digest: digestOf(bytes), size: bytes.length };
    const settings = { signature, partSize: 5 * 2 ** 20 };
    const cancel = new AbortController();
    const stopped = open({ ...settings, limit: 60 * 2 ** 20 }).put(
      `disk-${signature}`,
      { path: file },
      {
        ...announced,
        signal: cancel.signal,
        onProgress: (count) => count > 25 * 2 ** 20 && cancel.abort(),
      },
    );
    expect(await failure(stopped)).toMatch(/^CANCELLED/);
    let first = 0;
    const store = open({ signature });
    await store.put(
      `disk-${signature}`,
      { path: file },
      { ...announced, ifAbsent: true, onProgress: (count) => (first ||= count) },
    );
    // What was there already is said at once, before anything is sent.
    expect(first).toBeGreaterThanOrEqual(5 * 2 ** 20);
    await store.download(`disk-${signature}`, `${file}.copy`, announced);
    expect(await digestOfFile(`${file}.copy`)).toBe(announced.digest);
    expect(await failure(store.put(`disk-${signature}`, { path: file }, { ...announced, ifAbsent: true }))).toMatch(/^CONFLICT/);
  });

  it('conditions are honoured', async () => {
    expect(await open().conditionalWrites()).toEqual({ ifAbsent: true, ifMatch: true });
  });

  it('certificates are checked', async () => {
    const unknown = open();
    await write(unknown);
    const { ca: _, ...settings } = peer.settings(url);
    const store = openS3Store(url, { settings, environment: peer.environment, stateDir: folder, emit: () => undefined });
    expect(await failure(write(store))).toMatch(
      /^CONFIG_INVALID: .*certificate is not accepted \(its authority is not known here\)/,
    );
    const elsewhere = peer.tlsEndpoint.replace('127.0.0.1', '127.0.0.2');
    expect(await failure(write(open({ endpoint: elsewhere })))).toMatch(
      /^(CONFIG_INVALID: .*for another name|STORE_FAILED: .*does not answer)/,
    );
    expect(await failure(write(open({ ca: join(folder, 'none.pem') })))).toMatch(/^CONFIG_INVALID: .*none\.pem cannot be read/);
  });

  it('who has no right, the wrong secret, or the wrong bucket is told so', async () => {
    const stranger = { GABARIT_TEST_ACCESS: peer.stranger.accessKey, GABARIT_TEST_SECRET: peer.stranger.secretKey };
    expect(await failure(write(open({}, stranger)))).toMatch(/^STORE_DENIED: .*lack the right s3:PutObject/);
    expect(await failure(open({}, stranger).head('k'))).toMatch(/^STORE_DENIED: .*lack the right s3:GetObject/);
    expect(await failure(open({}, stranger).get('k'))).toMatch(/^STORE_DENIED: .*lack the right s3:GetObject/);
    expect(await failure(open({}, stranger).delete('k'))).toMatch(/^STORE_DENIED: .*lack the right s3:DeleteObject/);
    expect(await failure(open({}, { GABARIT_TEST_SECRET: 'wrong' }).head('k'))).toMatch(
      /^STORE_DENIED: .*the signature does not match/,
    );
    expect(await failure(open({}, { GABARIT_TEST_ACCESS: 'NOBODY' }).head('k'))).toMatch(
      /^STORE_DENIED: .*the access key is not known there/,
    );
    const settings = peer.settings('s3://no-such-bucket');
    const store = openS3Store('s3://no-such-bucket', {
      settings,
      environment: peer.environment,
      stateDir: folder,
      emit: () => undefined,
    });
    expect(await failure(store.head('k'))).toMatch(/^CONFIG_INVALID: .*there is no bucket no-such-bucket/);
    expect(await failure(write(store))).toMatch(/^CONFIG_INVALID: .*there is no bucket no-such-bucket/);
  });

  it('unfinished uploads are swept', async () => {
    const bytes = randomBytes(12 * 2 ** 20);
    const cancel = new AbortController();
    const options = { digest: digestOf(bytes), size: bytes.length, signal: cancel.signal };
    const store = open({ partSize: 5 * 2 ** 20, parallel: 1 });
    const work = store.put('swept/disk', { bytes }, { ...options, onProgress: (count) => count > 6 * 2 ** 20 && cancel.abort() });
    expect(await failure(work)).toMatch(/^CANCELLED/);
    const context = { settings: peer.settings(url), environment: peer.environment, stateDir: folder, emit: () => undefined };
    const connection = connect(settingsOf(parseAddress(url), context), context);
    const tomorrow = Date.now() + 25 * 3600 * 1000;
    const sweep = { prefix: 'swept/', olderThanMs: 0, dryRun: true, signal: new AbortController().signal };
    expect(await sweepS3(url, context, sweep)).toMatchObject([{ key: 'swept/disk', parts: 1, bytes: 5 * 2 ** 20 }]);
    expect(await sweepS3(url, context, { ...sweep, olderThanMs: 3_600_000, dryRun: false })).toEqual([]);
    expect(await sweepUnfinished(connection, 'templates/swept/', undefined)).toBe(0);
    expect(await sweepUnfinished(connection, 'templates/swept/', undefined, tomorrow)).toBe(1);
    expect(await sweepUnfinished(connection, 'templates/swept/', undefined, tomorrow)).toBe(0);
  });
});
