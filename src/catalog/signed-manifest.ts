import type { PublishedImage } from '../model/catalog.ts';
import { parseDocument } from '../model/document.ts';
import { type Manifest, manifestSchema } from '../model/manifest.ts';
import type { SignatureFile, Signer } from '../model/signer.ts';
import type { PublicKey } from '../model/signing-key.ts';
import type { Store } from '../model/store.ts';
import { digestOf } from '../util/digest.ts';
import { AppError } from '../util/errors.ts';
import { readText } from './read-text.ts';

/** Bytes: no manifest, and no signature, comes near it. */
const maxManifest = 16 * 2 ** 20;
const maxSignature = 64 * 2 ** 10;

export interface SignedManifest {
  manifest: Manifest;
  text: string;
  signedBy: { format: string; key: PublicKey }[];
}

/** Verifies all signatures of a manifest: `verifyManifest` of src/keys. */
export type VerifyManifest = (bytes: Uint8Array, files: readonly SignatureFile[], where: string) => SignedManifest['signedBy'];

/** The text of a published image's manifest. @throws AppError DIGEST_MISMATCH, NOT_FOUND */
export async function readManifestText(store: Store, image: PublishedImage): Promise<string> {
  const text = await readText(store, image.manifest, maxManifest);
  if (digestOf(text) === image.digest) return text;
  throw new AppError('DIGEST_MISMATCH', `${image.manifest} in ${store.url} is not the manifest that was published`);
}

/** The signature files beside a manifest, those that the index names. @throws AppError NOT_FOUND */
export async function readSignatureFiles(
  store: Store,
  image: PublishedImage,
  signers: readonly Signer[],
): Promise<SignatureFile[]> {
  const files: SignatureFile[] = [];
  for (const name of image.signatures) {
    if (!signers.some(({ extension }) => name === `manifest.json${extension}`)) continue;
    const key = image.manifest.replace(/manifest\.json$/, name);
    files.push({ name, bytes: Buffer.from(await readText(store, key, maxSignature)) });
  }
  return files;
}

/**
 * A published image's manifest, when its digest is the one of the index and all its signatures are right.
 * @throws AppError DIGEST_MISMATCH, SIGNATURE_INVALID, NOT_TRUSTED, NOT_FOUND
 */
export async function readSignedManifest(
  store: Store,
  image: PublishedImage,
  signers: readonly Signer[],
  verify: VerifyManifest,
): Promise<SignedManifest> {
  const text = await readManifestText(store, image);
  const files = await readSignatureFiles(store, image, signers);
  const signedBy = verify(Buffer.from(text), files, image.manifest);
  return { manifest: parseDocument(text, manifestSchema, 'gabarit.manifest/1', image.manifest), text, signedBy };
}
