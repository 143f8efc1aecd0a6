import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { z } from 'zod';
import { canonicalJson, digestOf, type Digest } from '../util/digest.ts';
import { AppError } from '../util/errors.ts';
import { parseDocument } from './document.ts';

/** A key has two parts under one fingerprint: ECDSA P-256 for sigstore (cosign), Ed25519 for minisign and for the documents of a catalog. */

const base64 = z.base64();

/** The public half, as it is given to others: `gabarit key export`. */
export const publicKeySchema = z.strictObject({
  schema: z.literal('gabarit.key/1'),
  /** The fingerprint: a digest of both parts. The name is only a label. */
  id: z.string().regex(/^sha256:[0-9a-f]{64}$/),
  name: z.string().max(200),
  created: z.iso.datetime(),
  /** SubjectPublicKeyInfo (DER). */
  ecdsa: base64,
  /** The 32 bytes of the point. */
  ed25519: base64,
});
export type PublicKey = z.infer<typeof publicKeySchema>;

/** Both halves. The private ones never leave their `KeyObject`s but by `secretKeyText`. */
export interface SigningKey {
  public: PublicKey;
  ecdsa: KeyObject;
  ed25519: KeyObject;
}

/** What stands before the bytes of an Ed25519 point in its SubjectPublicKeyInfo (RFC 8410). */
const ed25519Prefix = Buffer.from('302a300506032b6570032100', 'hex');
/** A secret key is one word, so that it fits into a variable, and is known as a secret by its beginning. */
const secretPrefix = 'gabarit-secret-key-1.';

const secretSchema = z.strictObject({ name: z.string().max(200), created: z.iso.datetime(), ecdsa: base64, ed25519: base64 });

export function fingerprintOf({ ecdsa, ed25519 }: Pick<PublicKey, 'ecdsa' | 'ed25519'>): Digest {
  return digestOf(canonicalJson({ ecdsa, ed25519 }));
}

export function newSigningKey(name: string, now: Date): SigningKey {
  const ecdsa = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
  return signingKeyOf(name, now.toISOString(), ecdsa, generateKeyPairSync('ed25519').privateKey);
}

function signingKeyOf(name: string, created: string, ecdsa: KeyObject, ed25519: KeyObject): SigningKey {
  const parts = {
    ecdsa: createPublicKey(ecdsa).export({ type: 'spki', format: 'der' }).toString('base64'),
    ed25519: createPublicKey(ed25519).export({ type: 'spki', format: 'der' }).subarray(ed25519Prefix.length).toString('base64'),
  };
  return { public: { schema: 'gabarit.key/1', id: fingerprintOf(parts), name, created, ...parts }, ecdsa, ed25519 };
}

/** The secret key as one word, to be kept in a file of mode 0600 or in a secret of the CI. */
export function secretKeyText(key: SigningKey): string {
  const { name, created } = key.public;
  const der = (part: KeyObject): string => part.export({ type: 'pkcs8', format: 'der' }).toString('base64');
  const secret: z.infer<typeof secretSchema> = { name, created, ecdsa: der(key.ecdsa), ed25519: der(key.ed25519) };
  return secretPrefix + Buffer.from(JSON.stringify(secret)).toString('base64url');
}

/** The key of such a word. `where` names its place, for the error. @throws AppError CONFIG_INVALID */
export function parseSecretKey(text: string, where: string): SigningKey {
  try {
    if (!text.startsWith(secretPrefix)) throw new Error(`it does not begin with ${secretPrefix}`);
    const word = text.slice(secretPrefix.length).trim();
    const { name, created, ecdsa, ed25519 } = secretSchema.parse(JSON.parse(Buffer.from(word, 'base64url').toString()));
    const part = (der: string): KeyObject => createPrivateKey({ key: Buffer.from(der, 'base64'), format: 'der', type: 'pkcs8' });
    const key = signingKeyOf(name, created, part(ecdsa), part(ed25519));
    checkKinds(key.public);
    return key;
  } catch {
    // What was wrong would quote the secret.
    throw new AppError('CONFIG_INVALID', `${where} holds no signing key of Gabarit`, {
      hint: 'gabarit key new makes one; its file is one line that begins with gabarit-secret-key-1.',
    });
  }
}

/** A public key from its JSON. @throws AppError IMAGE_INVALID */
export function parsePublicKey(text: string, where: string): PublicKey {
  const key = parseDocument(text, publicKeySchema, 'gabarit.key/1', where);
  checkPublicKey(key, where);
  return key;
}

/** Refuses a key whose fingerprint is not its own, or whose parts are of other kinds. @throws AppError IMAGE_INVALID */
export function checkPublicKey(key: PublicKey, where: string): void {
  try {
    checkKinds(key);
  } catch (cause) {
    throw new AppError('IMAGE_INVALID', `${where} holds a key of another kind than ECDSA P-256 and Ed25519`, { cause });
  }
  if (fingerprintOf(key) !== key.id)
    throw new AppError('IMAGE_INVALID', `${where} holds a key under a fingerprint that is not its own`);
}

function checkKinds(key: PublicKey): void {
  const { ecdsa, ed25519 } = verifiersOf(key);
  const curve = ecdsa.asymmetricKeyDetails?.namedCurve;
  if (curve !== 'prime256v1' || ed25519.asymmetricKeyType !== 'ed25519') throw new TypeError('another kind of key');
}

/** Both parts of a public key, ready to verify with. */
export function verifiersOf({ ecdsa, ed25519 }: PublicKey): { ecdsa: KeyObject; ed25519: KeyObject } {
  const spki = (der: Buffer): KeyObject => createPublicKey({ key: der, format: 'der', type: 'spki' });
  return {
    ecdsa: spki(Buffer.from(ecdsa, 'base64')),
    ed25519: spki(Buffer.concat([ed25519Prefix, Buffer.from(ed25519, 'base64')])),
  };
}
