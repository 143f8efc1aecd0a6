import { keysWith, memberOf, type KeySet } from '../model/key-set.ts';
import type { DocumentSigner, DocumentTrust, IndexRead } from '../model/signer.ts';
import type { PublicKey, SigningKey } from '../model/signing-key.ts';
import type { Store } from '../model/store.ts';
import { AppError } from '../util/errors.ts';
import type { Emit } from '../util/events.ts';
import { signDocument, signersOf } from './document-signatures.ts';
import { acceptIndex, type AgedIndex } from './index-memory.ts';
import { type ChainLink, firstLink, followChain, linkSigners } from './key-chain.ts';
import { readChain, readOrBeginChain } from './read-chain.ts';
import { changeState, type ReaderState, readState } from './reader-state.ts';

/** Who is believed about one store, and who signs for it. */

export interface TrustSettings {
  stateDir: string;
  /** The key that signs here, if any. */
  signingKey: SigningKey | undefined;
  /** When there are any, a store is only trusted at first use when one of these keys has signed its keys. */
  fingerprints: readonly string[];
  /** Whether a store without keys gets ours: only a publisher does that. */
  create: boolean;
  now: () => Date;
  emit: Emit;
  signal?: AbortSignal | undefined;
}

export interface StoreTrust {
  /** Absent on a machine without a key: it can read, and not publish. */
  signer: DocumentSigner | undefined;
  trust: DocumentTrust;
  /** Refuses an index that is older than one seen before, or too old to be believed; remembers it otherwise. */
  onIndex: (index: AgedIndex, read: IndexRead) => Promise<void>;
  /** The newest key document; absent when nothing was published yet. */
  keys: KeySet | undefined;
  /** Keys whose signature of an image is believed: those that sign now, and those that did. */
  imageKeys: PublicKey[];
  /** How these keys came to be believed. */
  by: NonNullable<ReaderState['keys']>['by'] | undefined;
  /** Whether they were believed just now for the first time. */
  isFirstUse: boolean;
}

/**
 * Follows the keys of a store from what this machine trusts to the newest, and remembers them.
 * @throws AppError NOT_TRUSTED, SIGNATURE_INVALID, CATALOG_ROLLED_BACK, CATALOG_EXPIRED
 */
export async function openTrust(store: Store, settings: TrustSettings): Promise<StoreTrust> {
  const state = await readState(settings.stateDir, store.url);
  let chain = await readChain(store, settings.signal);
  const { signingKey, create } = settings;
  if (chain.length === 0 && state.keys === undefined && create && signingKey !== undefined) {
    chain = await readOrBeginChain(store, () => firstLink(signingKey, settings.now()), settings.signal);
  }
  if (chain.length === 0) {
    if (state.keys === undefined) return nobody(store, settings);
    throw new AppError('CATALOG_ROLLED_BACK', `The keys of ${store.url} are gone: there is no keys.json`, {
      hint: `This machine has trusted them since ${state.keys.since}. If the store was emptied on purpose: gabarit key forget --store ${store.url}`,
    });
  }
  const where = `keys.json in ${store.url}`;
  const start = state.keys === undefined ? firstTrusted(chain, store, settings) : pinned(chain, state.keys, where);
  const newest = followChain(chain, start.link, where);
  await remember(store, settings, state, start.by, newest);
  return trustIn(store, settings, newest, start.by, state.keys === undefined);
}

/** Trust in a store of which nobody has signed anything: nothing in it is believed. */
function nobody(store: Store, settings: TrustSettings): StoreTrust {
  const trust: DocumentTrust = { verify: () => [] };
  const onIndex = (): Promise<void> =>
    Promise.reject(new AppError('SIGNATURE_INVALID', `${store.url} has no keys: nothing in it is signed`));
  const { signingKey } = settings;
  const signer = signingKey && { sign: () => Promise.reject(new Error('the catalog has no keys yet')) };
  return { signer, trust, onIndex, keys: undefined, imageKeys: [], by: undefined, isFirstUse: true };
}

interface Start {
  link: ChainLink;
  by: NonNullable<ReaderState['keys']>['by'];
}

function pinned(chain: readonly ChainLink[], known: NonNullable<ReaderState['keys']>, where: string): Start {
  const link = chain[known.version - 1];
  if (link === undefined) {
    throw new AppError(
      'CATALOG_ROLLED_BACK',
      `${where} ends at number ${chain.length}; this machine has seen number ${known.version}`,
      {
        hint: 'Somebody has put older keys back. Do not use this store before you know who and why.',
      },
    );
  }
  if (link.digest !== known.digest) {
    throw new AppError('NOT_TRUSTED', `${where} holds other keys than those that this machine trusts since ${known.since}`, {
      hint: 'If the store was made anew on purpose, compare the fingerprint with its publisher, then: gabarit key forget, gabarit key trust.',
    });
  }
  return { link, by: known.by };
}

/** Where to begin on a machine that knows nothing of this store: at a key that was named to it, at its own, or at the first. */
function firstTrusted(chain: readonly ChainLink[], store: Store, settings: TrustSettings): Start {
  const signedWith = (fingerprint: string): ChainLink | undefined =>
    chain.find((link) => {
      const member = memberOf(link.set, fingerprint);
      return member?.status === 'active' && linkSigners(link, [member.key]).length > 0;
    });
  const { fingerprints, signingKey } = settings;
  if (fingerprints.length > 0) {
    const link = fingerprints.map(signedWith).find((found) => found !== undefined);
    if (link) return { link, by: 'fingerprint' };
    const found = chain.at(-1)?.set;
    throw new AppError('NOT_TRUSTED', `${store.url} is signed by none of the keys that were named to this machine`, {
      faults: [
        ...fingerprints.map((fingerprint) => ({ message: `named: ${fingerprint}` })),
        ...(found ? keysWith(found, 'active') : []).map(({ id, name }) => ({ message: `found: ${id} (${name})` })),
      ],
      hint: 'Ask the publisher for the fingerprint, on another way than through this store.',
    });
  }
  const own = signingKey && signedWith(signingKey.public.id);
  if (own) return { link: own, by: 'own-key' };
  const [first] = chain;
  if (first === undefined || linkSigners(first, keysWith(first.set, 'active')).length === 0)
    throw new AppError('SIGNATURE_INVALID', `keys.json in ${store.url} is not signed by its own key`);
  return { link: first, by: 'first-use' };
}

async function remember(
  store: Store,
  { stateDir, now, emit }: TrustSettings,
  known: ReaderState,
  by: Start['by'],
  newest: ChainLink,
): Promise<void> {
  const { catalog, version } = newest.set;
  if (known.keys === undefined && by === 'first-use') {
    const names = keysWith(newest.set, 'active').map(({ id, name }) => `${id} (${name})`);
    emit({
      type: 'log',
      level: 'warn',
      message: `${store.url} is used for the first time: from now on this machine trusts ${names.join(', ')}. Compare that with its publisher.`,
    });
  }
  if (known.keys?.version === version) return;
  await changeState(stateDir, store.url, (state) => {
    // Another process may have followed the chain further meanwhile.
    if (state.keys !== undefined && state.keys.version >= version) return state;
    const since = state.keys?.since ?? now().toISOString();
    return { ...state, keys: { catalog, version, digest: newest.digest, since, by } };
  });
}

function trustIn(store: Store, settings: TrustSettings, newest: ChainLink, by: Start['by'], isFirstUse: boolean): StoreTrust {
  const keys = newest.set;
  const context = `gabarit.catalog/1 ${keys.catalog}`;
  const active = keysWith(keys, 'active');
  const { signingKey } = settings;
  const signer: DocumentSigner | undefined = signingKey && {
    async sign(bytes) {
      mustBeActive(keys, signingKey, store);
      return [signDocument(signingKey, context, bytes)];
    },
  };
  const expired = settings.now().toISOString() > keys.expires;
  return {
    signer,
    trust: { verify: (bytes, signatures) => signersOf(active, context, bytes, signatures) },
    async onIndex(index, read) {
      if (expired && read.purpose === 'read') {
        throw new AppError('CATALOG_EXPIRED', `The keys of ${store.url} have expired on ${keys.expires}`, {
          hint: `Its publisher renews them: gabarit catalog refresh --store ${store.url}`,
        });
      }
      await acceptIndex(index, read, { stateDir: settings.stateDir, url: store.url, keys, now: settings.now() });
    },
    keys,
    imageKeys: keysWith(keys, 'active', 'retired'),
    by,
    isFirstUse,
  };
}

/** @throws AppError NOT_TRUSTED, saying how the key gets into the catalog */
export function mustBeActive(keys: KeySet, { public: { id, name } }: SigningKey, store: Store): void {
  const status = memberOf(keys, id)?.status;
  if (status === 'active') return;
  throw new AppError(
    'NOT_TRUSTED',
    `The key ${name} (${id}) ${status === undefined ? 'is not one of the keys' : `is ${status} in the keys`} of ${store.url}`,
    {
      hint:
        status === undefined
          ? `Who has one of its keys lets it in: gabarit key export ${name} > ${name}.pub, then there: gabarit key add ${name}.pub --store ${store.url}`
          : 'Sign with the key that took its place.',
    },
  );
}
