import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Machine, newMachine, overwrite, putBack, snapshotOf } from '../../test/signed-store.ts';
import { newSigningKey } from '../model/signing-key.ts';
import type { Store } from '../model/store.ts';
import { openMemoryStore } from '../stores/memory.ts';
import { addKey, findMember, renewKeys, retireKey, revokeKey } from './change-keys.ts';
import { chainText, firstLink } from './key-chain.ts';

const now = new Date('2026-11-25T10:00:00Z');
const [a, b, c, thief] = ['a', 'b', 'c', 'thief'].map((name) => newSigningKey(name, now)) as [
  ReturnType<typeof newSigningKey>,
  ReturnType<typeof newSigningKey>,
  ReturnType<typeof newSigningKey>,
  ReturnType<typeof newSigningKey>,
];
const bytes = Buffer.from('{"an":"index"}');
const machines: Machine[] = [];
let store: Store;
let publisher: Machine;

async function machine(...key: Parameters<typeof newMachine>): Promise<Machine> {
  const made = await newMachine(...key);
  machines.push(made);
  return made;
}

beforeEach(async () => {
  store = openMemoryStore();
  publisher = await machine(a);
  await publisher.trust(store);
});
afterEach(async () => {
  await Promise.all(machines.splice(0).map((made) => made.remove()));
});

async function signed(by: Machine): Promise<{ keyId: string; signature: string }[]> {
  const { signer } = await by.trust(store);
  if (!signer) throw new Error('no key');
  return signer.sign(bytes);
}

const change = (...signers: (typeof a)[]) => ({ store, signers, now });

describe('a reader', () => {
  test('trusts a store at its first use, says whom, and believes what is signed for it', async () => {
    const reader = await machine();
    const trusted = await reader.trust(store);
    expect(trusted).toMatchObject({ by: 'first-use', isFirstUse: true });
    expect(reader.events).toEqual([
      {
        type: 'log',
        level: 'warn',
        message: expect.stringContaining(`from now on this machine trusts ${a.public.id} (a)`) as string,
      },
    ]);
    expect(trusted.trust.verify(bytes, await signed(publisher))).toEqual([a.public.id]);
    expect(trusted.signer).toBeUndefined();

    expect(await reader.trust(store)).toMatchObject({ by: 'first-use', isFirstUse: false });
    expect(reader.events).toHaveLength(1);
  });

  test('believes nothing of a store that nobody has signed', async () => {
    const reader = await machine();
    const { trust, keys, onIndex } = await reader.trust(openMemoryStore());
    expect(keys).toBeUndefined();
    expect(trust.verify(bytes, await signed(publisher))).toEqual([]);
    await expect(
      onIndex({ template: 'x', sequence: 1, expires: '2030-01-01T00:00:00Z' }, { digest: '', signedBy: [], purpose: 'read' }),
    ).rejects.toMatchObject({ code: 'SIGNATURE_INVALID' });
    expect(await readdir(reader.stateDir)).toEqual([]);
  });

  test('that was told a fingerprint trusts nothing else', async () => {
    const reader = await machine();
    await expect(reader.trust(store, { fingerprints: [thief.public.id] })).rejects.toMatchObject({
      code: 'NOT_TRUSTED',
      faults: [{ message: `named: ${thief.public.id}` }, { message: `found: ${a.public.id} (a)` }],
    });
    expect(await reader.trust(store, { fingerprints: [thief.public.id, a.public.id] })).toMatchObject({ by: 'fingerprint' });
    expect(reader.events).toEqual([]);
  });

  test('that holds one of the keys needs nothing else, when that key has signed it', async () => {
    // Anybody can name our key among his.
    await addKey(b.public, change(a));
    expect(await (await machine(b)).trust(store, { create: false })).toMatchObject({ by: 'first-use' });
    await addKey(c.public, change(b));
    expect(await (await machine(b)).trust(store, { create: false })).toMatchObject({ by: 'own-key' });
  });

  test('believes no signature by a stranger, for other bytes, of another catalog, or under another name', async () => {
    const { trust } = await (await machine()).trust(store);
    const good = await signed(publisher);
    expect(trust.verify(bytes, good)).toEqual([a.public.id]);
    expect(trust.verify(Buffer.from('{"an":"indexx"}'), good)).toEqual([]);
    expect(trust.verify(bytes, [])).toEqual([]);
    expect(
      trust.verify(
        bytes,
        good.map((signature) => ({ ...signature, keyId: thief.public.id })),
      ),
    ).toEqual([]);
    // The same key signs for another store: what it signs there is no signature here.
    const elsewhere = await publisher.trust(openMemoryStore('memory:other'));
    expect(trust.verify(bytes, (await elsewhere.signer?.sign(bytes)) ?? [])).toEqual([]);
  });
});

describe('keys that change', () => {
  test('are followed without being asked again: rotated twice, with the first long gone', async () => {
    const reader = await machine();
    await reader.trust(store);
    await addKey(b.public, change(a, b));
    expect((await reader.trust(store)).trust.verify(bytes, await signed(publisher))).toEqual([a.public.id]);
    await retireKey(a.public.id, change(b));
    await addKey(c.public, change(b, c));
    await retireKey(b.public.id, change(c));
    const trusted = await reader.trust(store);
    expect(trusted.keys?.version).toBe(5);
    expect(
      trusted.trust.verify(bytes, (await (await machine(c)).trust(store)).signer ? await signed(await machine(c)) : []),
    ).toEqual([c.public.id]);
    // What a retired key signs now is not believed; what it signed of images stays good.
    await expect(signed(publisher)).rejects.toMatchObject({ code: 'NOT_TRUSTED' });
    expect(trusted.imageKeys.map(({ name }) => name).toSorted()).toEqual(['a', 'b', 'c']);
    expect(reader.events).toHaveLength(1);
  });

  test('are found by the fingerprint of a key that is no longer used', async () => {
    await addKey(b.public, change(a, b));
    await retireKey(a.public.id, change(b));
    expect((await (await machine()).trust(store, { fingerprints: [a.public.id] })).keys?.version).toBe(3);
    expect((await (await machine()).trust(store, { fingerprints: [b.public.id] })).keys?.version).toBe(3);
  });

  test('that are revoked lose all belief, for ever', async () => {
    await addKey(b.public, change(a, b));
    const stolen = await signed(publisher);
    await revokeKey(a.public.id, 'the laptop was stolen', change(b));
    const trusted = await (await machine()).trust(store);
    expect(trusted.trust.verify(bytes, stolen)).toEqual([]);
    expect(trusted.imageKeys.map(({ name }) => name)).toEqual(['b']);
    expect(findMember(trusted.keys ?? fail(), 'a')).toMatchObject({ status: 'revoked', reason: 'the laptop was stolen' });
    await expect(addKey(a.public, change(b))).rejects.toMatchObject({ code: 'NOT_TRUSTED' });
    await expect(addKey(thief.public, change(a))).rejects.toMatchObject({ code: 'NOT_TRUSTED' });
  });

  test('are changed by nobody but their holders, and never to none', async () => {
    await expect(addKey(thief.public, change(thief))).rejects.toMatchObject({
      code: 'NOT_TRUSTED',
      message: expect.stringContaining('none of the keys that may change') as string,
    });
    await expect(retireKey(a.public.id, change(a))).rejects.toMatchObject({ code: 'USAGE' });
    await expect(retireKey(b.public.id, change(a))).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(addKey(b.public, { ...change(a), store: openMemoryStore() })).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  test('are changed once when two do it at once', async () => {
    const done = await Promise.allSettled([addKey(b.public, change(a)), addKey(c.public, change(a))]);
    expect(done.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected']);
    expect((await (await machine()).trust(store)).keys?.keys).toHaveLength(2);
  });

  test('are believed for a year, and renewed', async () => {
    const reader = await machine();
    await reader.trust(store);
    reader.now = new Date('2027-12-01T00:00:00Z');
    const index = { template: 'x', sequence: 1, expires: '2028-01-01T00:00:00.000Z' };
    const read = { digest: `sha256:${'1'.repeat(64)}`, signedBy: [a.public.id] };
    const late = await reader.trust(store);
    await expect(late.onIndex(index, { ...read, purpose: 'read' })).rejects.toMatchObject({ code: 'CATALOG_EXPIRED' });
    await late.onIndex(index, { ...read, purpose: 'change' });
    await renewKeys({ ...change(a), now: reader.now });
    await (await reader.trust(store)).onIndex(index, { ...read, purpose: 'read' });
  });
});

describe('somebody who holds the store', () => {
  const attack = async (forged: string): Promise<unknown> => {
    const reader = await machine();
    await reader.trust(store);
    await overwrite(store, 'keys.json', Buffer.from(forged));
    return reader.trust(store).catch((error: unknown) => error);
  };
  type Chain = { chain: { signed: Record<string, unknown>; signatures: unknown[] }[] };
  const chain = async (): Promise<Chain> => JSON.parse(await text(await store.get('keys.json'))) as Chain;

  test('cannot put other keys in their place', async () => {
    expect(await attack(chainText([firstLink(thief, now)]))).toMatchObject({ code: 'NOT_TRUSTED' });
  });

  test('cannot add a key that he signed himself, or that nobody signed', async () => {
    const honest = await snapshotOf(store);
    const { chain: links } = await chain();
    const first = links[0] ?? fail();
    const forged = { ...first.signed, version: 2, keys: [{ key: thief.public, status: 'active', since: now.toISOString() }] };
    for (const signatures of [[], first.signatures]) {
      await putBack(store, honest);
      const file = JSON.stringify({ schema: 'gabarit.key-chain/1', chain: [first, { signed: forged, signatures }] });
      expect(await attack(file)).toMatchObject({ code: 'SIGNATURE_INVALID' });
    }
  });

  test('cannot hide a change of keys from those who saw it, nor the keys themselves', async () => {
    const before = await snapshotOf(store);
    await addKey(b.public, change(a));
    const reader = await machine();
    await reader.trust(store);
    await putBack(store, before);
    await expect(reader.trust(store)).rejects.toMatchObject({ code: 'CATALOG_ROLLED_BACK' });
    await store.delete('keys.json');
    await expect(reader.trust(store)).rejects.toMatchObject({ code: 'CATALOG_ROLLED_BACK' });
    // The publisher's machine saw it too, and does not begin anew in silence.
    await expect(publisher.trust(store)).rejects.toMatchObject({ code: 'CATALOG_ROLLED_BACK' });
  });

  test('cannot give a revoked key its rights back, even with another key in his hands', async () => {
    await addKey(b.public, change(a, b));
    await revokeKey(a.public.id, 'lost', change(b));
    const { chain: links } = await chain();
    const last = links.at(-1) ?? fail();
    const members = (last.signed['keys'] as { status: string }[]).map((member) => ({ ...member, status: 'active' }));
    await expect(
      (async () => {
        const { nextLink, parseChain } = await import('./key-chain.ts');
        const parsed = parseChain(JSON.stringify({ schema: 'gabarit.key-chain/1', chain: links }), 'keys.json');
        return nextLink(parsed.at(-1) ?? fail(), members as never, [b], now);
      })(),
    ).rejects.toMatchObject({ message: expect.stringContaining('back its rights') as string });
  });

  test('cannot change one byte of it', async () => {
    await addKey(b.public, change(a));
    const good = await text(await store.get('keys.json'));
    const reader = await machine();
    await reader.trust(store);
    let refused = 0;
    for (let at = 0; at < good.length; at += 7) {
      const changed = Buffer.from(good);
      changed[at] = (changed[at] ?? 0) ^ 0x01;
      await overwrite(store, 'keys.json', changed);
      const trusted = await reader.trust(store).catch(() => undefined);
      if (trusted === undefined) refused += 1;
      // White space and the signatures of what was followed already carry nothing any more.
      else expect(trusted.keys?.keys.map(({ key }) => key.name)).toEqual(['a', 'b']);
    }
    expect(refused).toBeGreaterThan(good.length / 7 / 2);
  });

  test.each([
    ['nothing', ''],
    ['no JSON', '{"schema":"gabarit.key-chain/1"'],
    ['an empty chain', '{"schema":"gabarit.key-chain/1","chain":[]}'],
    ['another document', '{"schema":"gabarit.index/1"}'],
  ])('cannot make a reader believe %s', async (_, forged) => {
    expect(await attack(forged)).toMatchObject({ code: 'IMAGE_INVALID' });
  });

  test('cannot fill the memory of a reader', async () => {
    let sent = 0;
    async function* endless(): AsyncGenerator<Buffer> {
      for (;;) {
        sent += 1;
        yield Buffer.alloc(1 << 20, 32);
      }
    }
    const reader = await machine();
    const endlessStore = { ...store, get: () => Promise.resolve(Readable.from(endless())) };
    await expect(reader.trust(endlessStore)).rejects.toMatchObject({ code: 'IMAGE_INVALID' });
    expect(sent).toBeLessThan(40);
  });
});

test('what a machine remembers is not forgotten because its file is damaged', async () => {
  const reader = await machine();
  await reader.trust(store);
  const [file = ''] = (await readdir(join(reader.stateDir, 'stores'))).filter((name) => name.endsWith('.json'));
  await writeFile(join(reader.stateDir, 'stores', file), '{"schema":"gabarit.re');
  await expect(reader.trust(store)).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
});

test('processes that follow at once leave one memory, of the newest', async () => {
  const reader = await machine();
  await addKey(b.public, change(a));
  await Promise.all(Array.from({ length: 8 }, () => reader.trust(store)));
  expect((await reader.trust(store)).isFirstUse).toBe(false);
});

function fail(): never {
  throw new Error('it must be there');
}
