import { readFile, rm } from 'node:fs/promises';
import { type KeySet, memberOf } from '../model/key-set.ts';
import type { SignatureFile, Signer } from '../model/signer.ts';
import { parsePublicKey, type PublicKey, type SigningKey } from '../model/signing-key.ts';
import type { Store } from '../model/store.ts';
import { AppError, errnoOf } from '../util/errors.ts';
import type { Emit } from '../util/events.ts';
import { addKey, type ChangeKeys, findMember, renewKeys, retireKey, revokeKey } from './change-keys.ts';
import { defaultKeyName, listKeys, makeKey, type OwnKey, readKey } from './key-folder.ts';
import { signManifest } from './manifest-signatures.ts';
import { mustBeActive, openTrust, type StoreTrust } from './open-trust.ts';
import { readState, stateFile } from './reader-state.ts';
import { rotateKey } from './rotate-key.ts';
import { signFolder } from './sign-folder.ts';
import { findSigningKey } from './signing-key.ts';

/** All that a person does with keys. */

/** A key of this machine, without its secret half. */
export interface KeyFacts {
  /** What its file is called; absent for the one that the configuration names. */
  name?: string;
  key: PublicKey;
  path: string;
  /** Whether it signs when nothing else is said. */
  signs: boolean;
}

export interface KeysSettings {
  keysDir: string;
  stateDir: string;
  /** `signing` of the configuration. */
  signing: { key?: string | undefined; fingerprints: readonly string[] };
  environment: Readonly<NodeJS.ProcessEnv>;
  signers: readonly Signer[];
  emit: Emit;
  now: () => Date;
}

export interface TrustOptions {
  /** Instead of those of the configuration. */
  fingerprints?: readonly string[] | undefined;
  /** Whether a store without keys gets ours. */
  create?: boolean;
  signingKey?: SigningKey;
  signal?: AbortSignal | undefined;
}

export interface Keys {
  make(name?: string): Promise<KeyFacts>;
  list(): Promise<KeyFacts[]>;
  /** The public half of a key of this machine, as `gabarit` or the tools of a signature format read it. @throws AppError NOT_FOUND, USAGE */
  exportKey(name?: string, format?: string): Promise<string>;
  signingKey(): Promise<SigningKey | undefined>;
  /** Public halves of all keys of this machine. */
  known(): Promise<PublicKey[]>;
  trust(store: Store, options?: TrustOptions): Promise<StoreTrust>;
  /** Trusts a store that has keys; only when one of them is the given one, if any is. @throws AppError NOT_FOUND, NOT_TRUSTED */
  trustOnly(
    store: Store,
    only: { file?: string | undefined; fingerprint?: string | undefined },
  ): Promise<{ keys: KeySet; by: NonNullable<StoreTrust['by']>; isFirstUse: boolean }>;
  /** Forgets what this machine remembers of a store; false when it did not know it. */
  forget(store: Store): Promise<boolean>;
  add(store: Store, file: string): Promise<{ keys: KeySet; key: PublicKey }>;
  retire(store: Store, key: string): Promise<KeySet>;
  revoke(store: Store, key: string, reason: string): Promise<KeySet>;
  renew(store: Store): Promise<KeySet>;
  /** Puts a new key in the place of ours, in some stores. `resign` signs everything that is signed for now, with the new key. */
  rotate(
    stores: readonly Store[],
    resign: (store: Store, key: SigningKey) => Promise<void>,
  ): Promise<{ before: PublicKey; after: PublicKey }>;
  /** Signs the manifest of an output folder as it is. @throws AppError NOT_TRUSTED without a key */
  sign(folder: string): Promise<{ signedBy: PublicKey; files: SignatureFile[] }>;
  /** Signatures of a manifest that lies in a store. @throws AppError NOT_TRUSTED when our key may not sign there */
  signFor(store: Store, keys: KeySet | undefined, manifest: Uint8Array): Promise<{ signedBy: PublicKey; files: SignatureFile[] }>;
}

export function openKeys(settings: KeysSettings): Keys {
  const { keysDir, stateDir, signing, environment, signers, emit, now } = settings;
  const signingKey = (): Promise<SigningKey | undefined> => findSigningKey({ key: signing.key, keysDir }, environment);

  async function ownKeys(): Promise<SigningKey[]> {
    const named = await signingKey();
    return [...(named ? [named] : []), ...(await listKeys(keysDir)).map(({ key }) => key)];
  }

  async function trust(store: Store, options: TrustOptions = {}): Promise<StoreTrust> {
    const { fingerprints = signing.fingerprints, create = false, signal } = options;
    const key = options.signingKey ?? (await signingKey());
    return openTrust(store, { stateDir, signingKey: key, fingerprints, create, now, emit, signal });
  }

  /** Follows the store's keys first: nobody changes what he does not trust. */
  async function changeOf(store: Store): Promise<ChangeKeys & { keys: KeySet }> {
    const { keys } = await trust(store);
    if (keys === undefined) throw noKeysIn(store);
    return { keys, store, signers: await ownKeys(), now: now() };
  }

  const factsOf = ({ key, path }: OwnKey, name: string, signs: boolean): KeyFacts => ({ name, key: key.public, path, signs });

  async function list(): Promise<KeyFacts[]> {
    const own = await listKeys(keysDir);
    const named = signing.key === undefined ? undefined : await signingKey();
    const facts = own.map((key) => {
      const name = key.path.slice(key.path.lastIndexOf('/') + 1, -'.key'.length);
      return factsOf(key, name, named ? named.public.id === key.key.public.id : name === defaultKeyName);
    });
    if (named && !facts.some(({ signs }) => signs)) facts.unshift({ key: named.public, path: signing.key ?? '', signs: true });
    return facts;
  }

  return {
    async make(name = defaultKeyName) {
      const made = await makeKey(keysDir, name, now());
      return factsOf(made, name, signing.key === undefined && name === defaultKeyName);
    },
    list,
    async exportKey(name, format = 'gabarit') {
      const key = name === undefined ? await signingKey() : (await readKey(keysDir, name))?.key;
      if (key === undefined) throw noKey(name, keysDir);
      if (format === 'gabarit') return `${JSON.stringify(key.public, null, 2)}\n`;
      const signer = signers.find(({ id }) => id === format);
      if (signer) return signer.publicKeyText(key.public);
      throw new AppError('USAGE', `"${format}" is not a format of keys`, {
        hint: `Formats are gabarit, ${signers.map(({ id }) => id).join(', ')}.`,
      });
    },
    signingKey,
    known: async () => (await ownKeys()).map((key) => key.public),
    trust,
    async trustOnly(store, { file, fingerprint }) {
      const named = [
        ...(file === undefined ? [] : [(await readPublicKey(file)).id]),
        ...(fingerprint === undefined ? [] : [wholeFingerprint(fingerprint)]),
      ];
      const { keys, by, isFirstUse } = await trust(store, named.length > 0 ? { fingerprints: named } : {});
      if (keys === undefined || by === undefined) throw noKeysIn(store);
      const stranger = named.find((id) => (memberOf(keys, id)?.status ?? 'revoked') === 'revoked');
      if (stranger === undefined) return { keys, by, isFirstUse };
      throw new AppError('NOT_TRUSTED', `${stranger} is not one of the keys of ${store.url}`, {
        faults: keys.keys.map(({ key, status }) => ({ message: `${key.id} (${key.name}, ${status})` })),
      });
    },
    async forget(store) {
      const known = (await readState(stateDir, store.url)).keys !== undefined;
      await rm(stateFile(stateDir, store.url), { force: true });
      return known;
    },
    async add(store, file) {
      const key = await readPublicKey(file);
      return { keys: await addKey(key, await changeOf(store)), key };
    },
    async retire(store, key) {
      const change = await changeOf(store);
      return retireKey(findMember(change.keys, key).key.id, change);
    },
    async revoke(store, key, reason) {
      const change = await changeOf(store);
      return revokeKey(findMember(change.keys, key).key.id, reason, change);
    },
    renew: async (store) => renewKeys(await changeOf(store)),
    async rotate(stores, resign) {
      if (signing.key !== undefined) {
        throw new AppError('USAGE', `The key that signs is ${signing.key}, where gabarit cannot put another one`, {
          hint: 'gabarit key new next; gabarit key add next --store ...; then put that key in its place, and gabarit key retire the old one.',
        });
      }
      return rotateKey({ keysDir, now, stores, resign, changeOf });
    },
    async sign(folder) {
      const key = await signingKey();
      if (key === undefined) throw noKey(undefined, keysDir);
      return { signedBy: key.public, files: await signFolder(folder, key, signers, now()) };
    },
    async signFor(store, set, manifest) {
      const key = await signingKey();
      if (key === undefined) throw noKey(undefined, keysDir);
      if (set === undefined) throw noKeysIn(store);
      mustBeActive(set, key, store);
      return { signedBy: key.public, files: signManifest(key, manifest, signers, now()) };
    },
  };

  async function readPublicKey(file: string): Promise<PublicKey> {
    const own = /^[a-z0-9][a-z0-9._-]*$/.test(file) ? await readKey(keysDir, file) : undefined;
    if (own) return own.key.public;
    const text = await readFile(file, 'utf8').catch((cause: unknown) => {
      if (errnoOf(cause) !== 'ENOENT') throw cause;
      throw new AppError('NOT_FOUND', `There is no key ${file}, neither of this user nor as a file`, {
        cause,
        hint: 'Whose key it is makes the file with: gabarit key export > name.pub',
      });
    });
    return parsePublicKey(text, file);
  }
}

/** A fingerprint as it is written in documents. @throws AppError USAGE */
export function wholeFingerprint(text: string): string {
  if (/^(sha256:)?[0-9a-f]{64}$/.test(text)) return `sha256:${text.replace('sha256:', '')}`;
  throw new AppError('USAGE', `"${text}" is not a fingerprint`, {
    hint: 'It is sha256: and 64 hex digits, as gabarit key ls shows it.',
  });
}

function noKeysIn(store: Store): AppError {
  return new AppError('NOT_FOUND', `${store.url} has no keys yet`, { hint: 'The first gabarit publish puts them there.' });
}

function noKey(name: string | undefined, keysDir: string): AppError {
  if (name === undefined)
    return new AppError('NOT_TRUSTED', 'This machine has no key to sign with', { hint: 'gabarit key new makes one (once).' });
  return new AppError('NOT_FOUND', `There is no key ${name} in ${keysDir}`, { hint: 'gabarit key ls shows what there is.' });
}
