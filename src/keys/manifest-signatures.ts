import type { SignatureFile, Signer } from '../model/signer.ts';
import type { PublicKey, SigningKey } from '../model/signing-key.ts';
import { AppError } from '../util/errors.ts';

/** Signatures of a manifest, in every format that Gabarit knows. */

export const manifestName = 'manifest.json';

/** A signature that is larger is none. Bytes. */
export const maxSignatureBytes = 64 * 1024;

export function signManifest(key: SigningKey, bytes: Uint8Array, signers: readonly Signer[], now: Date): SignatureFile[] {
  return signers.map((signer) => ({
    name: manifestName + signer.extension,
    bytes: signer.sign(key, manifestName, bytes, now),
  }));
}

/** The signer whose files are called so. */
export function signerOf(name: string, signers: readonly Signer[]): Signer | undefined {
  return signers.find(({ extension }) => name === manifestName + extension);
}

/**
 * Who has signed a manifest: every signature must be right.
 * @throws AppError SIGNATURE_INVALID when there is none, or one is wrong or made by a key that is not among `keys`
 */
export function verifyManifest(
  bytes: Uint8Array,
  files: readonly SignatureFile[],
  signers: readonly Signer[],
  keys: readonly PublicKey[],
  where: string,
): { format: string; key: PublicKey }[] {
  const found = files.flatMap((file) => {
    const signer = signerOf(file.name, signers);
    return signer ? [{ format: signer.id, key: signer.verify(keys, bytes, file.bytes) }] : [];
  });
  if (found.length === 0) throw new AppError('SIGNATURE_INVALID', `${where} is not signed`);
  return found;
}
