import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { lacksMinio, startMinio } from '../../../test/peers/minio.ts';
import type { S3Peer } from '../../../test/peers/s3-peer.ts';
import type { StoreContext } from '../../model/store.ts';
import type { StoreDiagnosis } from '../../model/store-diagnosis.ts';
import type { StoreSettings } from '../../model/store-settings.ts';
import { digestOf, digestOfFile } from '../../util/digest.ts';
import { Scope } from '../../util/scope.ts';
import { openS3Store } from '../s3.ts';
import { diagnoseS3 } from './doctor.ts';
import { sweepS3 } from './sweep.ts';

/** What MinIO does in its own way; what all stores keep is in their contract suite. */
describe.skipIf(lacksMinio())('at MinIO', () => {
  const scope = new Scope();
  const { signal } = new AbortController();
  let folder = '';
  let peer: S3Peer;
  let url = '';
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'minio-'));
    scope.defer(() => rm(folder, { recursive: true }));
    peer = await startMinio(folder, scope);
    url = `s3://${await peer.bucket()}/templates`;
  });
  afterAll(() => scope.close());

  function context(more: Partial<StoreSettings> = {}, environment: Record<string, string> = {}): StoreContext {
    const settings = peer.settings(url, more);
    return { settings, environment: { ...peer.environment, ...environment }, stateDir: folder, emit: () => undefined };
  }

  const trouble = ({ probes }: StoreDiagnosis): string[] =>
    probes.filter(({ status }) => status !== 'pass').map(({ id, status, found }) => `${id} ${status}: ${found}`);

  it('the doctor finds nothing wrong, and names what is', async () => {
    const diagnosis = await diagnoseS3(url, context(), { signal });
    expect(diagnosis).toMatchObject({ causes: [], works: true, changes: [], leftovers: [] });
    // Its certificate is made for two days.
    expect(trouble(diagnosis).filter((line) => !line.startsWith('tls warn'))).toEqual([]);
    const wrongSecret = await diagnoseS3(url, context({}, { GABARIT_TEST_SECRET: 'wrong-secret' }), { signal });
    expect(wrongSecret).toMatchObject({ causes: ['secret-wrong'], works: false });
    const unknownKey = await diagnoseS3(url, context({}, { GABARIT_TEST_ACCESS: 'NOBODY' }), { signal });
    expect(unknownKey).toMatchObject({ works: false });
    const nowhere = 's3://nothing-there';
    expect(await diagnoseS3(nowhere, { ...context(), settings: peer.settings(nowhere) }, { signal })).toMatchObject({
      causes: ['bucket-missing'],
      works: false,
    });
  });

  it('conditions are honoured', async () => {
    expect(await openS3Store(url, context()).conditionalWrites()).toEqual({ ifAbsent: true, ifMatch: true });
  });

  it.each(['v4', 'v2'] as const)('a large file goes there in parts, is resumed, and comes back (%s)', async (signature) => {
    const key = `disk-${signature}`;
    const file = join(folder, key);
    const bytes = randomBytes(40 * 2 ** 20 + 1);
    await writeFile(file, bytes);
    const announced = { digest: digestOf(bytes), size: bytes.length };
    const cancel = new AbortController();
    const slowly = context({ signature, partSize: 5 * 2 ** 20, limit: 60 * 2 ** 20 });
    const onProgress = (count: number): void => void (count > 25 * 2 ** 20 && cancel.abort());
    const stopped = openS3Store(url, slowly).put(key, { path: file }, { ...announced, signal: cancel.signal, onProgress });
    await expect(stopped).rejects.toMatchObject({ code: 'CANCELLED' });
    // It lists unfinished uploads by whole keys only.
    const sweep = { olderThanMs: 0, dryRun: true, signal };
    expect(await sweepS3(url, slowly, { ...sweep, prefix: key })).toMatchObject([{ key, parts: expect.any(Number) as number }]);
    expect(await sweepS3(url, slowly, { ...sweep, prefix: 'disk-' })).toEqual([]);
    let first = 0;
    const store = openS3Store(url, context({ signature }));
    await store.put(key, { path: file }, { ...announced, ifAbsent: true, onProgress: (count) => (first ||= count) });
    // What was there already is said at once, before anything is sent.
    expect(first).toBeGreaterThanOrEqual(5 * 2 ** 20);
    await store.download(key, `${file}.copy`, announced);
    expect(await digestOfFile(`${file}.copy`)).toBe(announced.digest);
    await expect(store.put(key, { path: file }, { ...announced, ifAbsent: true })).rejects.toMatchObject({ code: 'CONFLICT' });
  });
});
