import { randomUUID } from 'node:crypto';
import {
  checkKeySet,
  faultOfSuccessor,
  type KeyChain,
  keyChainSchema,
  keysWith,
  type KeySet,
  keySetSchema,
} from '../model/key-set.ts';
import { parseDocument } from '../model/document.ts';
import type { DocumentSignature } from '../model/signer.ts';
import type { PublicKey, SigningKey } from '../model/signing-key.ts';
import { digestOf, type Digest } from '../util/digest.ts';
import { AppError } from '../util/errors.ts';
import { documentBytes, signDocument, signersOf } from './document-signatures.ts';

/** Reading, following and lengthening the chain of keys of a catalog. Nothing here touches a store. */

/** One document of a chain, with what its signatures are over. */
export interface ChainLink {
  set: KeySet;
  bytes: Buffer;
  digest: Digest;
  signatures: DocumentSignature[];
}

const context = 'gabarit.keys/1';
const yearMs = 365 * 24 * 3600 * 1000;

/** @throws AppError IMAGE_INVALID when it is no chain of documents with numbers from 1 */
export function parseChain(text: string, where: string): ChainLink[] {
  const { chain } = parseDocument(text, keyChainSchema, 'gabarit.key-chain/1', where);
  return chain.map(({ signed, signatures }, at) => {
    const place = `${where}, number ${at + 1}`;
    const bytes = documentBytes(signed);
    const set = parseDocument(bytes.toString(), keySetSchema, 'gabarit.keys/1', place);
    checkKeySet(set, place);
    if (set.version !== at + 1) throw new AppError('IMAGE_INVALID', `${place} says that it is number ${set.version}`);
    return { set, bytes, digest: digestOf(bytes), signatures };
  });
}

export function chainText(chain: readonly ChainLink[]): string {
  const document: KeyChain = {
    schema: 'gabarit.key-chain/1',
    chain: chain.map(({ bytes, signatures }) => ({
      signed: JSON.parse(bytes.toString()) as Record<string, unknown>,
      signatures,
    })),
  };
  return `${JSON.stringify(document, null, 2)}\n`;
}

/** Which of some keys have signed a link. */
export function linkSigners(link: ChainLink, keys: readonly PublicKey[]): string[] {
  return signersOf(keys, context, link.bytes, link.signatures);
}

/** The newest link, when each from `from` on is rightly signed by its forerunner. @throws AppError SIGNATURE_INVALID */
export function followChain(chain: readonly ChainLink[], from: ChainLink, where: string): ChainLink {
  let trusted = from;
  for (const next of chain.slice(from.set.version)) {
    const fault = faultOfSuccessor(trusted.set, next.set, (keys) => linkSigners(next, keys));
    if (fault !== undefined) {
      throw new AppError('SIGNATURE_INVALID', `${where} does not follow from the keys that this machine trusts: ${fault}`, {
        hint: 'Do not go on. Ask the publisher, on another way than through this store, what its fingerprint is.',
      });
    }
    trusted = next;
  }
  return trusted;
}

/** The first document of a new catalog: one key, which signs itself. */
export function firstLink(key: SigningKey, now: Date): ChainLink {
  const since = now.toISOString();
  return sealLink(
    {
      schema: 'gabarit.keys/1',
      catalog: randomUUID(),
      version: 1,
      created: since,
      expires: expiryAfter(now),
      keys: [{ key: key.public, status: 'active', since }],
    },
    [key],
  );
}

/** The document that follows, with other members. `signers` must hold a key that is active before, and one that is active then. */
export function nextLink(before: ChainLink, keys: KeySet['keys'], signers: readonly SigningKey[], now: Date): ChainLink {
  const { set } = before;
  const next = { ...set, version: set.version + 1, created: now.toISOString(), expires: expiryAfter(now), keys };
  const active = keysWith(next, 'active');
  const link = sealLink(
    next,
    // The one that leaves signs as well: that is how those who know only it come to know the new one.
    signers.filter(({ public: { id } }) => [...active, ...keysWith(set, 'active')].some((key) => key.id === id)),
  );
  const fault = faultOfSuccessor(set, next, (candidates) => linkSigners(link, candidates));
  if (fault !== undefined) throw new AppError('NOT_TRUSTED', `The keys of the catalog cannot be changed so: ${fault}`);
  return link;
}

function expiryAfter(now: Date): string {
  return new Date(now.getTime() + yearMs).toISOString();
}

function sealLink(set: KeySet, signers: readonly SigningKey[]): ChainLink {
  const bytes = documentBytes(set);
  return { set, bytes, digest: digestOf(bytes), signatures: signers.map((key) => signDocument(key, context, bytes)) };
}
