import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { type App, createApp } from '../src/app.ts';
import type { VerifiedImage } from '../src/catalog/verify-published.ts';
import type { Verdict } from '../src/model/check.ts';
import { parseImageReference } from '../src/model/image-reference.ts';
import { openFileStore } from '../src/stores/file.ts';
import type { Store } from '../src/model/store.ts';
import { forgetSecrets } from '../src/util/redact.ts';
import { writeOutputFolder } from './fakes/output-folder.ts';
import { overwrite, putBack, snapshotOf } from './signed-store.ts';

/** The whole way, with the real application: from a key to the verdict of a reader, and everything that may be done to a store on that way. */

const { signal } = new AbortController();
let folder = '';
let url = '';
let store: Store;
let publisher: App;
let reader: App;

/** A machine of its own: keys, memory, cache. */
function machine(name: string): Promise<App> {
  const environment = { GABARIT_KEYS: join(folder, name, 'keys'), GABARIT_STATE: join(folder, name, 'state'), HOME: folder };
  return createApp({ cacheDir: join(folder, name, 'cache'), outputDir: join(folder, 'out') }, environment);
}

async function publish(version: string, template = 'debian-12', by = publisher): Promise<void> {
  await by.publish(await writeOutputFolder(join(folder, 'out'), template, version), url, { channel: 'stable' }, signal);
}

function verify(
  name = 'debian-12@stable',
  by = reader,
  options: { quick?: boolean; fingerprint?: string } = {},
): Promise<VerifiedImage> {
  return by.verifyPublished(parseImageReference(name), url, { quick: false, ...options }, signal);
}

/** The first verdict that is a failure, with the code of the error. */
async function broken(name?: string, by?: App): Promise<string> {
  const { verdicts, failure } = await verify(name, by);
  const failed = verdicts.find(({ status }) => status === 'fail');
  expect(failed === undefined).toBe(failure === undefined);
  return failed === undefined ? 'good' : `${failed.check}: ${failure}`;
}

function statuses(verdicts: readonly Verdict[]): Record<string, string> {
  return Object.fromEntries(verdicts.map(({ check, subject, status }) => [subject ?? check, status]));
}

/** Where the files of a version lie. */
async function prefixOf(version: string, template = 'debian-12'): Promise<string> {
  for await (const { key } of store.list(`templates/${template}/${version}/`))
    if (key.endsWith('/manifest.json')) return key.slice(0, -'manifest.json'.length);
  throw new Error(`there is no ${version}`);
}

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'signing-'));
  url = `file:${folder}/store`;
  store = openFileStore(url);
  [publisher, reader] = await Promise.all([machine('publisher'), machine('reader')]);
});
afterEach(async () => {
  vi.useRealTimers();
  forgetSecrets();
  await rm(folder, { recursive: true });
});

describe('a newcomer', () => {
  test('who publishes without a key is told how to make one, and nothing is written', async () => {
    await expect(publish('20261123.1')).rejects.toMatchObject({
      code: 'NOT_TRUSTED',
      hint: expect.stringContaining('gabarit key new') as string,
    });
    expect(await snapshotOf(store).catch(() => new Map())).toEqual(new Map());
    await publisher.keys.make();
    await publish('20261123.1');
    expect(await broken()).toBe('good');
  });

  test('who verifies sees whom he trusts, once; and everything else is proven', async () => {
    await publisher.keys.make();
    await publish('20261123.1');
    const first = await verify();
    expect(statuses(first.verdicts)).toEqual({
      keys: 'warn',
      'index-signature': 'pass',
      'index-freshness': 'pass',
      reference: 'pass',
      revocation: 'pass',
      manifest: 'pass',
      'disk.qcow2': 'pass',
      'plan.json': 'pass',
      'checks.json': 'pass',
    });
    const [own] = await publisher.keys.list();
    expect(first.verdicts[0]?.message).toContain(own?.key.id);
    expect(statuses((await verify('debian-12', reader, { quick: true })).verdicts)).toMatchObject({
      keys: 'pass',
      files: 'skip',
    });
    expect(await broken('debian-12', publisher)).toBe('good');
    await expect(verify('debian-12', reader, { fingerprint: 'sha256:abc' })).rejects.toMatchObject({ code: 'USAGE' });
    const stranger = await machine('stranger');
    const refused = await verify('debian-12', stranger, { fingerprint: 'f'.repeat(64) });
    expect([refused.failure, refused.verdicts[0]?.status, refused.verdicts[1]?.status]).toEqual(['NOT_TRUSTED', 'fail', 'skip']);
  });

  test('finds nothing to believe where nothing was published', async () => {
    expect(await broken()).toBe('keys: SIGNATURE_INVALID');
    await publisher.keys.make();
    await publish('20261123.1');
    expect(await broken('debian-13')).toBe('reference: NOT_FOUND');
    expect(await broken('debian-12@dev')).toBe('reference: NOT_FOUND');
  });
});

describe('somebody with the store in his hands', () => {
  beforeEach(async () => {
    await publisher.keys.make();
    await publish('20261123.1');
    await publish('20261124.1');
    expect(await broken()).toBe('good');
  });

  test('cannot change one byte of anything', async () => {
    const prefix = await prefixOf('20261124.1');
    const meaning: [key: string, at: RegExp, verdict: string][] = [
      ['keys.json', /(?<="ed25519": ")./, 'keys: IMAGE_INVALID'],
      ['keys.json', /(?<="catalog": ")./, 'keys: '],
      ['templates/debian-12/index.json', /(?<="digest":"sha256:)./, 'index-signature: SIGNATURE_INVALID'],
      ['templates/debian-12/index.json', /(?<="signature":")./, 'index-signature: SIGNATURE_INVALID'],
      [`${prefix}manifest.json`, /(?<=A )small/, 'manifest: DIGEST_MISMATCH'],
      [`${prefix}manifest.json.minisig`, /(?<=\n)RU/, 'manifest: SIGNATURE_INVALID'],
      [`${prefix}manifest.json.minisig`, /(?<=timestamp:)./, 'manifest: SIGNATURE_INVALID'],
      [`${prefix}manifest.json.sigstore.json`, /(?<="signature":"ME...........)./, 'manifest: SIGNATURE_INVALID'],
      [`${prefix}manifest.json.sigstore.json`, /(?<="hint":")./, 'manifest: NOT_TRUSTED'],
      [`${prefix}disk.qcow2`, /./, 'files: DIGEST_MISMATCH'],
      [`${prefix}plan.json`, /./, 'files: DIGEST_MISMATCH'],
      [`${prefix}checks.json`, /./, 'files: DIGEST_MISMATCH'],
    ];
    const good = await snapshotOf(store);
    for (const [key, where, verdict] of meaning) {
      const bytes = Buffer.from(good.get(key) ?? '');
      const at = bytes.toString().search(where);
      expect(at, `${key} ${String(where)}`).toBeGreaterThanOrEqual(0);
      bytes[at] = (bytes[at] ?? 0) ^ 0x01;
      await overwrite(store, key, bytes);
      expect(await broken(), `${key} at ${at}`).toContain(verdict);
      await overwrite(store, key, good.get(key) ?? bytes);
    }
    expect(await broken()).toBe('good');
  });

  test('cannot leave anything out, cut it, or make it longer', async () => {
    const prefix = await prefixOf('20261124.1');
    const good = await snapshotOf(store);
    for (const name of ['manifest.json', 'manifest.json.minisig', 'manifest.json.sigstore.json', 'disk.qcow2', 'checks.json']) {
      const bytes = good.get(prefix + name) ?? Buffer.alloc(0);
      for (const other of [undefined, bytes.subarray(0, -5), Buffer.concat([bytes, Buffer.alloc(5, 10)])]) {
        await store.delete(prefix + name);
        if (other) await overwrite(store, prefix + name, other);
        const verdict = await broken();
        // White space at the end of JSON says nothing.
        if (name === 'manifest.json.sigstore.json' && other && other.length > bytes.length) expect(verdict).toBe('good');
        else expect(verdict, name).not.toBe('good');
      }
      await overwrite(store, prefix + name, bytes);
    }
    expect(await broken()).toBe('good');
  });

  test('cannot go back to an older state, for those who saw a newer one', async () => {
    const before = await snapshotOf(store);
    await publish('20261125.1');
    expect(await broken()).toBe('good');
    await putBack(store, before);
    expect(await broken()).toBe('index-freshness: CATALOG_ROLLED_BACK');
    await expect(reader.catalog(url).then((catalog) => catalog.list())).rejects.toMatchObject({ code: 'CATALOG_ROLLED_BACK' });
    // The publisher does not build upon it either.
    await expect(publish('20261125.2')).rejects.toMatchObject({ code: 'CATALOG_ROLLED_BACK' });
  });

  test('cannot keep a state from ageing', async () => {
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 31 * 24 * 3600 * 1000 });
    expect(await broken()).toBe('index-freshness: CATALOG_EXPIRED');
    expect((await publisher.refreshCatalog(url, [], signal)).map(({ template }) => template)).toEqual(['debian-12']);
    expect(await broken()).toBe('good');
    await expect(publisher.refreshCatalog(url, ['debian-13'], signal)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(reader.refreshCatalog(url, [], signal)).rejects.toMatchObject({ code: 'NOT_TRUSTED' });
  });

  test('cannot mix what was signed: indexes of other templates and stores, files of other versions', async () => {
    await publish('20261124.1', 'debian-13');
    const good = await snapshotOf(store);
    const index = 'templates/debian-12/index.json';
    await overwrite(store, index, good.get('templates/debian-13/index.json') ?? Buffer.alloc(0));
    expect(await broken()).toBe('index-signature: IMAGE_INVALID');

    const [old, young] = [await prefixOf('20261123.1'), await prefixOf('20261124.1')];
    await putBack(store, good);
    for (const name of ['manifest.json.minisig', 'manifest.json.sigstore.json', 'manifest.json', 'disk.qcow2'])
      await overwrite(store, young + name, good.get(old + name) ?? Buffer.alloc(0));
    expect(await broken()).toBe('manifest: DIGEST_MISMATCH');
    for (const name of ['manifest.json.minisig', 'manifest.json.sigstore.json']) {
      await putBack(store, good);
      await overwrite(store, young + name, good.get(old + name) ?? Buffer.alloc(0));
      expect(await broken()).toBe('manifest: SIGNATURE_INVALID');
    }

    // Another store of the same publisher, with the same key.
    await putBack(store, good);
    const elsewhere = `file:${folder}/elsewhere`;
    await publisher.publish(
      await writeOutputFolder(join(folder, 'other'), 'debian-12', '20261126.1'),
      elsewhere,
      { channel: 'stable' },
      signal,
    );
    await overwrite(store, index, (await snapshotOf(openFileStore(elsewhere))).get(index) ?? Buffer.alloc(0));
    expect(await broken()).toBe('index-signature: SIGNATURE_INVALID');
  });

  test('cannot take signatures away, or put his own in their place', async () => {
    const index = 'templates/debian-12/index.json';
    const { signed } = JSON.parse((await snapshotOf(store)).get(index)?.toString() ?? '') as { signed: object };
    await overwrite(store, index, Buffer.from(JSON.stringify({ signed, signatures: [] })));
    expect(await broken()).toBe('index-signature: SIGNATURE_INVALID');

    const thief = await machine('thief');
    await thief.keys.make();
    const forged = await thief.keys.signingKey();
    const { signDocument } = await import('../src/keys/document-signatures.ts');
    const { canonicalJson } = await import('../src/util/digest.ts');
    const { keys } = await reader.keys.trust(store);
    const signature = forged && signDocument(forged, `gabarit.catalog/1 ${keys?.catalog}`, Buffer.from(canonicalJson(signed)));
    await overwrite(store, index, Buffer.from(JSON.stringify({ signed, signatures: [signature] })));
    expect(await broken()).toBe('index-signature: SIGNATURE_INVALID');
    // Nor publish in his name.
    await expect(publish('20261125.1', 'debian-13', thief)).rejects.toMatchObject({ code: 'NOT_TRUSTED' });
  });
});

describe('keys that change', () => {
  beforeEach(async () => {
    await publisher.keys.make();
    await publish('20261123.1');
    expect(await broken()).toBe('good');
  });

  test('are followed by readers, and old images stay good', async () => {
    const { before, after } = await publisher.rotateKey([url], signal);
    expect(before.id).not.toBe(after.id);
    expect(await broken()).toBe('good');
    await publish('20261124.1');
    expect(await broken('debian-12@20261124.1')).toBe('good');
    expect(await broken('debian-12@20261123.1')).toBe('good');
    // Without another question.
    expect((await verify()).verdicts[0]?.status).toBe('pass');
    // A machine that begins today, or that was told the old fingerprint, comes to the same.
    for (const fingerprint of [before.id, after.id])
      expect((await verify('debian-12', await machine(fingerprint.slice(7, 15)), { fingerprint })).failure).toBeUndefined();
  });

  test('that are revoked take what they signed with them, until somebody vouches for it again', async () => {
    const { before } = await publisher.rotateKey([url], signal);
    await publisher.keys.revoke(store, before.id, 'the laptop was stolen');
    expect(await broken()).toBe('manifest: NOT_TRUSTED');
    await expect(reader.signPublished(parseImageReference('debian-12'), url, signal)).rejects.toMatchObject({
      code: 'NOT_TRUSTED',
    });
    await publisher.signPublished(parseImageReference('debian-12'), url, signal);
    expect(await broken()).toBe('good');
  });
});

test('a revoked image is refused, by its digest too', async () => {
  await publisher.keys.make();
  await publish('20261123.1');
  const { image } = await verify();
  const catalog = await publisher.catalog(url);
  await catalog.revoke(parseImageReference('debian-12'), 'a password was left in it', { fallback: false }, signal);
  for (const name of ['debian-12@20261123.1', `debian-12@${image?.digest}`])
    expect(await broken(name)).toBe('revocation: REVOKED');
});

test('what is published was signed by a key of the store, and is what was signed', async () => {
  await publisher.keys.make();
  const output = await writeOutputFolder(join(folder, 'out'), 'debian-12', '20261123.1');
  const publishIt = (): Promise<unknown> => publisher.publish(output, url, {}, signal);
  const stranger = await machine('stranger');
  await stranger.keys.make();
  await stranger.keys.sign(output);
  await expect(publishIt()).rejects.toMatchObject({ code: 'NOT_TRUSTED' });
  await publisher.keys.sign(output);
  const path = join(output, 'manifest.json');
  const manifest = await readFile(path, 'utf8');
  await writeFile(path, manifest.replace('A small', 'A large'));
  await expect(publishIt()).rejects.toMatchObject({ code: 'SIGNATURE_INVALID' });
  await writeFile(path, manifest);
  await publishIt();
  expect(await broken('debian-12')).toBe('good');
});
