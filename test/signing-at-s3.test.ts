import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type App, createApp } from '../src/app.ts';
import { parseImageReference } from '../src/model/image-reference.ts';
import { forgetSecrets } from '../src/util/redact.ts';
import { Scope } from '../src/util/scope.ts';
import { writeOutputFolder } from './fakes/output-folder.ts';
import { lacksMinio, startMinio } from './peers/minio.ts';
import { needsRadosgw, startRadosgw } from './peers/radosgw.ts';
import { overwrite } from './signed-store.ts';

const peers = [
  { name: 'radosgw', skips: needsRadosgw(), startPeer: startRadosgw },
  { name: 'MinIO', skips: lacksMinio(), startPeer: startMinio },
];

/** From a key to the verdict of a reader who knows nothing yet, over TLS with a private authority. */
describe.each(peers)('a catalog at $name', ({ skips, startPeer }) => {
  const scope = new Scope();
  const { signal } = new AbortController();
  let folder = '';
  let configFile = '';
  let environment: Record<string, string> = {};
  let publisher: App;

  const machine = (name: string): Promise<App> =>
    createApp(
      { cacheDir: join(folder, name, 'cache'), configFile },
      { ...environment, GABARIT_KEYS: join(folder, name, 'keys'), GABARIT_STATE: join(folder, name, 'state'), HOME: folder },
    );

  beforeAll(async () => {
    if (skips) return;
    folder = await mkdtemp(join(tmpdir(), 'signing-s3-'));
    scope.defer(() => rm(folder, { recursive: true }));
    const peer = await startPeer(folder, scope);
    environment = peer.environment;
    const prod = peer.settings(`s3://${await peer.bucket()}/templates`);
    configFile = join(folder, 'gabarit.yaml');
    const { url, endpoint, ca, credentials } = prod;
    await writeFile(configFile, JSON.stringify({ stores: { prod: { url, endpoint, ca, credentials } } }));
    publisher = await machine('publisher');
  });
  afterAll(async () => {
    forgetSecrets();
    await scope.close();
  });

  const verdict = async (app: App): Promise<string> => {
    const { verdicts, failure } = await app.verifyPublished(
      parseImageReference('debian-12@stable'),
      'prod',
      { quick: false },
      signal,
    );
    return failure === undefined ? 'good' : `${verdicts.find(({ status }) => status === 'fail')?.check}: ${failure}`;
  };

  test.skipIf(skips)(
    'is published, promoted, and proven from an empty memory; one flipped byte is found, and keys are followed',
    async () => {
      const output = await writeOutputFolder(join(folder, 'out'), 'debian-12', '20261123.1');
      await expect(publisher.publish(output, 'prod', { channel: 'dev' }, signal)).rejects.toMatchObject({ code: 'NOT_TRUSTED' });
      await publisher.keys.make();
      await publisher.publish(output, 'prod', { channel: 'dev' }, signal);
      const catalog = await publisher.catalog('prod');
      await catalog.promote('stable', parseImageReference('debian-12@dev'), 'none', signal);

      const reader = await machine('reader');
      expect(await verdict(reader)).toBe('good');
      const { manifest } = await catalog.resolve(parseImageReference('debian-12@stable'));
      const store = publisher.store('prod');
      const key = manifest.replace('manifest.json', 'disk.qcow2');
      const good = await buffer(await store.get(key));
      const flipped = Buffer.from(good);
      flipped[7] = (flipped[7] ?? 0) ^ 0x10;
      await overwrite(store, key, flipped);
      expect(await verdict(reader)).toBe('files: DIGEST_MISMATCH');
      expect(await verdict(await machine('another'))).toBe('files: DIGEST_MISMATCH');
      await overwrite(store, key, good);

      await publisher.rotateKey(['prod'], signal);
      expect(await verdict(reader)).toBe('good');
      expect(await verdict(await machine('third'))).toBe('good');
    },
  );

  test.skipIf(skips)('names its secrets without showing them', async () => {
    const facts = await publisher.checkSecrets(365);
    expect(facts.map(({ named, status }) => [named, status])).toEqual([
      ['stores.prod.credentials.accessKey', 'pass'],
      ['stores.prod.credentials.secretKey', 'pass'],
      ['key default', 'pass'],
      [expect.stringMatching(/^key default\.[0-9a-f]{8}$/), 'pass'],
    ]);
    await chmod(facts[2]?.reference.replace('file:', '') ?? '', 0o644);
    expect((await publisher.checkSecrets(365))[2]).toMatchObject({ status: 'warn', mode: '644' });
  });
});
