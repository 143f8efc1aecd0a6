import { sign, verify } from 'node:crypto';
import type { DocumentSignature } from '../model/signer.ts';
import { type PublicKey, type SigningKey, verifiersOf } from '../model/signing-key.ts';
import { canonicalJson } from '../util/digest.ts';

/** Signatures of JSON documents: Ed25519 over one line that says what for, and the canonical JSON of what is signed. */

/** The bytes of a document for {@link signDocument}: of the value as it was read, with all that this Gabarit does not know. */
export function documentBytes(signed: unknown): Buffer {
  return Buffer.from(canonicalJson(signed));
}

export function signDocument(key: SigningKey, context: string, bytes: Uint8Array): DocumentSignature {
  return { keyId: key.public.id, signature: sign(null, inContext(context, bytes), key.ed25519).toString('base64') };
}

/** The fingerprints of those of the keys whose signature is right. */
export function signersOf(
  keys: readonly PublicKey[],
  context: string,
  bytes: Uint8Array,
  signatures: readonly DocumentSignature[],
): string[] {
  const message = inContext(context, bytes);
  const right = keys.filter((key) =>
    signatures.some(
      ({ keyId, signature }) =>
        keyId === key.id && verify(null, message, verifiersOf(key).ed25519, Buffer.from(signature, 'base64')),
    ),
  );
  return right.map(({ id }) => id);
}

/** A signature for one purpose, or for one catalog, is none for another. */
function inContext(context: string, bytes: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from(`${context}\n`), bytes]);
}
