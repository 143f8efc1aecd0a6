import { type KeySet, type KeySetMember, keysWith, memberOf } from '../model/key-set.ts';
import type { PublicKey, SigningKey } from '../model/signing-key.ts';
import type { Store } from '../model/store.ts';
import { AppError } from '../util/errors.ts';
import { type ChainLink, nextLink } from './key-chain.ts';
import { changeChain } from './read-chain.ts';

/** Changes of the keys of a catalog. Each lengthens the chain by one document, signed by a key that may sign before and one that may after. */

export interface ChangeKeys {
  store: Store;
  /** The secret keys of this machine that may be used. */
  signers: readonly SigningKey[];
  now: Date;
  signal?: AbortSignal | undefined;
}

/** Lets a key sign, too. */
export async function addKey(key: PublicKey, change: ChangeKeys): Promise<KeySet> {
  return lengthen(change, (set) => {
    const member = memberOf(set, key.id);
    if (member?.status === 'active') return set.keys;
    if (member?.status === 'revoked')
      throw new AppError('NOT_TRUSTED', `The key ${key.name} (${key.id}) was revoked: it cannot come back`);
    return [...without(set, key.id), { key, status: 'active', since: change.now.toISOString() }];
  });
}

/** Ends the use of a key; what it signed stays good. */
export async function retireKey(id: string, change: ChangeKeys): Promise<KeySet> {
  return lengthen(change, (set) => withStatus(set, id, 'retired', undefined, change.now));
}

/** Takes all belief from a key, for ever. */
export async function revokeKey(id: string, reason: string, change: ChangeKeys): Promise<KeySet> {
  return lengthen(change, (set) => withStatus(set, id, 'revoked', reason, change.now));
}

const halfYearMs = 183 * 24 * 3600 * 1000;

/** The same keys, believed for another year, when half of the last one is over. */
export async function renewKeys(change: ChangeKeys): Promise<KeySet> {
  const isFresh = (set: KeySet): boolean => Date.parse(set.expires) - change.now.getTime() > halfYearMs;
  return lengthen(change, (set) => (isFresh(set) ? set.keys : [...set.keys]));
}

/** The member of a set that a fingerprint, the beginning of one, or a name means. @throws AppError NOT_FOUND, USAGE */
export function findMember(set: KeySet, text: string): KeySetMember {
  const wanted = text.replace(/^sha256:/, '');
  const found = set.keys.filter(({ key }) => key.name === text || (wanted.length >= 8 && key.id.startsWith(`sha256:${wanted}`)));
  const [only] = found;
  if (only && found.length === 1) return only;
  const known = set.keys.map(({ key }) => `${key.id} (${key.name})`).join(', ');
  if (only)
    throw new AppError('USAGE', `"${text}" means ${found.length} keys`, { hint: `Give more of the fingerprint: ${known}` });
  throw new AppError('NOT_FOUND', `The catalog has no key "${text}"`, { hint: `It has ${known}` });
}

async function lengthen(change: ChangeKeys, members: (set: KeySet) => KeySetMember[]): Promise<KeySet> {
  const { store, signers, now, signal } = change;
  const chain = await changeChain(
    store,
    (found) => {
      const newest = found.at(-1);
      if (newest === undefined) {
        throw new AppError('NOT_FOUND', `${store.url} has no keys yet`, { hint: 'The first gabarit publish puts them there.' });
      }
      const keys = members(newest.set);
      if (keys === newest.set.keys) return found;
      mustSign(newest, signers, store);
      return [...found, nextLink(newest, keys, signers, now)];
    },
    signal,
  );
  const newest = chain.at(-1);
  if (newest === undefined) throw new TypeError('a chain has links');
  return newest.set;
}

function mustSign({ set }: ChainLink, signers: readonly SigningKey[], store: Store): void {
  const active = keysWith(set, 'active');
  if (signers.some(({ public: { id } }) => active.some((key) => key.id === id))) return;
  throw new AppError('NOT_TRUSTED', `This machine has none of the keys that may change the keys of ${store.url}`, {
    faults: active.map(({ id, name }) => ({ message: `${id} (${name})` })),
    hint: 'Do it where one of them is (gabarit key ls).',
  });
}

function without(set: KeySet, id: string): KeySetMember[] {
  return set.keys.filter(({ key }) => key.id !== id);
}

function withStatus(
  set: KeySet,
  id: string,
  status: 'retired' | 'revoked',
  reason: string | undefined,
  now: Date,
): KeySetMember[] {
  const member = memberOf(set, id);
  if (member === undefined) throw new AppError('NOT_FOUND', `The catalog has no key ${id}`);
  if (member.status === status || member.status === 'revoked') return set.keys;
  if (!keysWith(set, 'active').some((key) => key.id !== id)) {
    throw new AppError('USAGE', `${member.key.name} is the only key that may sign: nobody could publish without it`, {
      hint: 'gabarit key rotate puts a new one in its place.',
    });
  }
  const changed: KeySetMember = { ...member, status, since: now.toISOString(), ...(reason === undefined ? {} : { reason }) };
  return set.keys.map((found) => (found === member ? changed : found));
}
