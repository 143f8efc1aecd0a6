import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { writeOutputFolder } from '../../test/fakes/output-folder.ts';
import { memberOf } from '../model/key-set.ts';
import { provenanceName } from '../model/signer.ts';
import { newSigningKey, secretKeyText } from '../model/signing-key.ts';
import type { Store } from '../model/store.ts';
import * as signerRegistry from '../signers/index.ts';
import { signStatement, verifyStatement } from '../signers/sigstore-bundle.ts';
import { openMemoryStore } from '../stores/memory.ts';
import { forgetSecrets, holdsSecret } from '../util/redact.ts';
import { type Keys, openKeys } from './open-keys.ts';
import { folderSigning, signaturesToPublish } from './sign-folder.ts';

const signers = Object.values(signerRegistry);
let folder = '';
let keysDir = '';
let keys: Keys;

function keysOf(name: string, signing: { key?: string; fingerprints?: string[] } = {}, environment = {}): Keys {
  return openKeys({
    keysDir: join(folder, name, 'keys'),
    stateDir: join(folder, name, 'state'),
    signing: { fingerprints: [], ...signing },
    environment,
    signers,
    emit: () => undefined,
    now: () => new Date(),
  });
}

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'keys-'));
  keysDir = join(folder, 'anna/keys');
  keys = keysOf('anna');
});
afterEach(async () => {
  forgetSecrets();
  await rm(folder, { recursive: true });
});

const keep = (): Promise<void> => Promise.resolve();

describe('the keys of a user', () => {
  test('are made in a file of his own, once, and redacted from then on', async () => {
    expect(await keys.list()).toEqual([]);
    expect(await keys.signingKey()).toBeUndefined();
    const made = await keys.make();
    expect(made).toMatchObject({ name: 'default', signs: true, path: join(keysDir, 'default.key') });
    expect((await stat(made.path)).mode & 0o777).toBe(0o600);
    expect((await stat(keysDir)).mode & 0o777).toBe(0o700);
    expect(holdsSecret(await readFile(made.path, 'utf8'))).toBe(true);
    await expect(keys.make()).rejects.toMatchObject({ code: 'CONFLICT' });
    expect(await keys.make('ci')).toMatchObject({ name: 'ci', signs: false });
    expect((await keys.list()).map(({ name, signs }) => [name, signs])).toEqual([
      ['ci', false],
      ['default', true],
    ]);
    expect((await keys.signingKey())?.public).toEqual(made.key);
    expect((await readdir(keysDir)).toSorted()).toEqual(['ci.key', 'default.key']);
  });

  test.each(['../evil', 'A', '.hidden', '', 'a/b'])('are not called %j', async (name) => {
    await expect(keys.make(name)).rejects.toMatchObject({ code: 'USAGE' });
  });

  test('are refused when others could read them', async () => {
    const { path } = await keys.make();
    await chmod(path, 0o640);
    await expect(keys.signingKey()).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: `${path} can be read by others (mode 640)`,
    });
  });

  test('come from a variable or a file that the configuration names, with the same care', async () => {
    const key = newSigningKey('ci', new Date());
    const text = secretKeyText(key);
    const named = keysOf('anna', { key: 'env:KEY' }, { KEY: text });
    expect((await named.signingKey())?.public).toEqual(key.public);
    expect(await named.list()).toMatchObject([{ path: 'env:KEY', signs: true }]);
    await expect(named.rotate([], keep)).rejects.toMatchObject({ code: 'USAGE' });
    const path = join(folder, 'ci.key');
    await writeFile(path, text, { mode: 0o644 });
    await expect(keysOf('anna', { key: `file:${path}` }).signingKey()).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
    await chmod(path, 0o400);
    expect((await keysOf('anna', { key: `file:${path}` }).signingKey())?.public).toEqual(key.public);
    await expect(keysOf('anna', { key: 'env:NONE' }).signingKey()).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  });

  test('are shown to others without their secret', async () => {
    await expect(keys.exportKey()).rejects.toMatchObject({ code: 'NOT_TRUSTED' });
    const { key } = await keys.make();
    expect(JSON.parse(await keys.exportKey())).toEqual(key);
    expect(await keys.exportKey('default', 'minisign')).toMatch(
      /^untrusted comment: minisign public key [0-9A-F]{16}\nRW[A-Za-z0-9+/]{54}\n$/,
    );
    expect(await keys.exportKey('default', 'sigstore-bundle')).toMatch(/^-----BEGIN PUBLIC KEY-----\n/);
    await expect(keys.exportKey('default', 'pgp')).rejects.toMatchObject({ code: 'USAGE' });
    await expect(keys.exportKey('other')).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });
});

describe('a store with several publishers', () => {
  let store: Store;
  beforeEach(async () => {
    store = openMemoryStore();
    await keys.make();
    await keys.trust(store, { create: true });
  });

  test('lets in whose key somebody who may has added', async () => {
    const berta = keysOf('berta');
    const { key } = await berta.make();
    const { signer } = await berta.trust(store, { create: true });
    await expect(signer?.sign(Buffer.from('x'))).rejects.toMatchObject({
      code: 'NOT_TRUSTED',
      hint: expect.stringContaining('gabarit key add default.pub --store memory:') as string,
    });
    await writeFile(join(folder, 'berta.pub'), await berta.exportKey());
    await keys.add(store, join(folder, 'berta.pub'));
    expect(await (await berta.trust(store)).signer?.sign(Buffer.from('x'))).toMatchObject([{ keyId: key.id }]);
    await expect(keys.add(store, join(folder, 'nobody.pub'))).rejects.toMatchObject({ code: 'NOT_FOUND' });
    // Berta ends the use of Anna's, by the beginning of its fingerprint.
    const anna = (await keys.list())[0]?.key.id ?? '';
    expect(memberOf(await berta.retire(store, anna.slice(7, 19)), anna)?.status).toBe('retired');
    await expect(berta.retire(store, 'nobody')).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(berta.retire(store, 'default')).rejects.toMatchObject({ code: 'USAGE', message: '"default" means 2 keys' });
  });

  test('is trusted by fingerprint or file, and by nothing else', async () => {
    const reader = keysOf('reader');
    const [own] = await keys.list();
    const stranger = newSigningKey('stranger', new Date()).public;
    await writeFile(join(folder, 'stranger.pub'), JSON.stringify(stranger));
    await expect(reader.trustOnly(store, { file: join(folder, 'stranger.pub') })).rejects.toMatchObject({ code: 'NOT_TRUSTED' });
    await expect(reader.trustOnly(store, { fingerprint: 'sha256:12' })).rejects.toMatchObject({ code: 'USAGE' });
    await expect(reader.trustOnly(openMemoryStore(), {})).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await writeFile(join(folder, 'anna.pub'), await keys.exportKey());
    expect(await reader.trustOnly(store, { file: join(folder, 'anna.pub') })).toMatchObject({
      by: 'fingerprint',
      isFirstUse: true,
    });
    expect(await reader.trustOnly(store, { fingerprint: own?.key.id })).toMatchObject({ by: 'fingerprint', isFirstUse: false });
    // Trusted already, but not for this key.
    await expect(reader.trustOnly(store, { fingerprint: stranger.id })).rejects.toMatchObject({ code: 'NOT_TRUSTED' });
    expect([await reader.forget(store), await reader.forget(store)]).toEqual([true, false]);
    expect(await reader.trust(store)).toMatchObject({ by: 'first-use', isFirstUse: true });
  });
});

describe('rotation', () => {
  test('puts a new key in the place of the old one in all stores, and readers follow', async () => {
    const stores = [openMemoryStore('memory:1'), openMemoryStore('memory:2')];
    const { key: old } = await keys.make();
    for (const store of stores) await keys.trust(store, { create: true });
    const reader = keysOf('reader');
    for (const store of stores) await reader.trust(store);
    const resigned: string[] = [];
    const { before, after } = await keys.rotate(stores, async (store, key) => {
      // Now both may sign: what the new key signs is believed, and so is what the old one has signed.
      const { trust, keys: set } = await reader.trust(store);
      expect(set?.keys.map(({ status }) => status)).toEqual(['active', 'active']);
      expect(trust.verify(Buffer.from('x'), [])).toEqual([]);
      resigned.push(`${store.url} ${key.public.id}`);
    });
    expect(before.id).toBe(old.id);
    expect(resigned).toEqual([`memory:1 ${after.id}`, `memory:2 ${after.id}`]);
    expect((await keys.signingKey())?.public.id).toBe(after.id);
    for (const store of stores) {
      const trusted = await reader.trust(store);
      expect(memberOf(trusted.keys ?? never(), old.id)?.status).toBe('retired');
      expect(trusted.imageKeys.map(({ id }) => id).toSorted()).toEqual([old.id, after.id].toSorted());
    }
    expect((await readdir(keysDir)).toSorted()).toEqual([`default.${old.id.slice(7, 15)}.key`, 'default.key']);
  });

  test('that broke off goes on with the same new key', async () => {
    const store = openMemoryStore();
    const { key: old } = await keys.make();
    await keys.trust(store, { create: true });
    let next = '';
    await expect(
      keys.rotate([store], (_, key) => {
        next = key.public.id;
        return Promise.reject(new Error('the power went'));
      }),
    ).rejects.toThrow('the power went');
    expect((await keys.signingKey())?.public.id).toBe(old.id);
    const { before, after } = await keys.rotate([store], keep);
    expect([before.id, after.id]).toEqual([old.id, next]);
    expect((await keys.trust(store)).keys?.version).toBe(3);
  });

  test('can be made up for in a store that was forgotten', async () => {
    const [first, second] = [openMemoryStore('memory:1'), openMemoryStore('memory:2')];
    const { key: old } = await keys.make();
    for (const store of [first, second]) await keys.trust(store, { create: true });
    const { after } = await keys.rotate([first], keep);
    await expect(keys.rotate([first, second], keep)).rejects.toMatchObject({ code: 'USAGE' });
    expect((await keys.rotate([second], keep)).after.id).toBe(after.id);
    const { keys: set } = await keys.trust(second);
    expect(set?.keys.map(({ key, status }) => [key.id, status])).toEqual([
      [old.id, 'retired'],
      [after.id, 'active'],
    ]);
  });

  test('needs a key and a store', async () => {
    await expect(keys.rotate([openMemoryStore()], keep)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await keys.make();
    await expect(keys.rotate([], keep)).rejects.toMatchObject({ code: 'USAGE' });
    await expect(keys.rotate([openMemoryStore()], keep)).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });
});

describe('an output folder', () => {
  const publish = async (output: string): Promise<string[]> => {
    const key = await keys.signingKey();
    const files = await signaturesToPublish(output, await readFile(join(output, 'manifest.json')), {
      signers,
      key,
      active: await keys.known(),
      now: new Date(),
      onSign: () => undefined,
    });
    return files.map(({ name }) => name);
  };
  const both = ['manifest.json.minisig', 'manifest.json.sigstore.json'];
  const signing = () =>
    folderSigning({
      signers,
      signStatement,
      verifyStatement,
      signingKey: () => keys.signingKey(),
      knownKeys: () => keys.known(),
      now: () => new Date(),
    });

  test('is refused unsigned when there is no key, and signed on its way when there is one', async () => {
    const output = await writeOutputFolder(folder, 'debian-12', '20261123.1');
    await expect(publish(output)).rejects.toMatchObject({
      code: 'NOT_TRUSTED',
      hint: expect.stringContaining('gabarit key new') as string,
    });
    await expect(keys.sign(output)).rejects.toMatchObject({ code: 'NOT_TRUSTED' });
    const { key } = await keys.make();
    expect(await publish(output)).toEqual(both);
    expect(await readdir(output)).toEqual(expect.arrayContaining(both) as string[]);
    expect(await publish(output)).toEqual(both);
    expect((await keys.sign(output)).signedBy).toEqual(key);
    await expect(keys.sign(folder)).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  test('is refused when its manifest is not the one that was signed, or one format is wrong', async () => {
    await keys.make();
    const output = await writeOutputFolder(folder, 'debian-12', '20261123.1');
    await keys.sign(output);
    await signing().check(output);
    const other = await writeOutputFolder(join(folder, 'other'), 'debian-12', '20261123.2');
    await keys.sign(other);
    for (const name of both) {
      const good = await readFile(join(output, name));
      await writeFile(join(output, name), await readFile(join(other, name)));
      await expect(publish(output)).rejects.toMatchObject({ code: 'SIGNATURE_INVALID' });
      await expect(signing().check(output)).rejects.toMatchObject({ code: 'SIGNATURE_INVALID' });
      await writeFile(join(output, name), good);
    }
    const manifest = await readFile(join(output, 'manifest.json'), 'utf8');
    await writeFile(join(output, 'manifest.json'), manifest.replace('A small', 'A large'));
    await expect(publish(output)).rejects.toMatchObject({ code: 'SIGNATURE_INVALID' });
    await expect(signing().check(output)).rejects.toMatchObject({ code: 'SIGNATURE_INVALID' });
  });

  test('signed by a stranger is not published, and not judged', async () => {
    await keys.make();
    const output = await writeOutputFolder(folder, 'debian-12', '20261123.1');
    const stranger = keysOf('stranger');
    await stranger.make();
    await stranger.sign(output);
    await signing().check(output);
    await expect(publish(output)).rejects.toMatchObject({
      code: 'NOT_TRUSTED',
      hint: expect.stringContaining('gabarit sign') as string,
    });
    await keys.sign(output);
    expect(await publish(output)).toEqual(both);
  });

  test('is refused when its provenance was changed, or copied from another statement', async () => {
    const output = await writeOutputFolder(folder, 'debian-12', '20261123.1');
    expect(await signing().attest(output, provenanceName, { subject: [] })).toBe(false);
    await keys.make();
    expect(await signing().attest(output, provenanceName, { subject: [] })).toBe(true);
    await signing().check(output);
    const path = join(output, provenanceName);
    const bundle = await readFile(path, 'utf8');
    const other = Buffer.from('{"subject":[1]}').toString('base64');
    await writeFile(path, bundle.replace(/(?<="payload":")[^"]+/, other));
    await expect(signing().check(output)).rejects.toMatchObject({ code: 'SIGNATURE_INVALID' });
  });

  test('is sealed again after a verification, or loses signatures that no longer fit', async () => {
    const { key } = await keys.make();
    const output = await writeOutputFolder(folder, 'debian-12', '20261123.1');
    await writeFile(join(output, 'manifest.json'), '{"other":1}\n');
    expect(await signing().seal(output)).toEqual({ signedBy: key, removed: 0 });
    await signing().check(output);
    await rm(keysDir, { recursive: true });
    await signing().check(output);
    expect(await signing().seal(output)).toEqual({ removed: 2 });
    expect(await readdir(output)).not.toContain('manifest.json.minisig');
    expect(await signing().seal(output)).toEqual({ removed: 0 });
  });
});

function never(): never {
  throw new Error('it must be there');
}
