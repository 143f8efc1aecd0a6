import type { PublishedImage } from '../model/catalog.ts';
import type { SignatureFile } from '../model/signer.ts';
import type { Store } from '../model/store.ts';
import { digestOf } from '../util/digest.ts';
import { readManifestText } from './signed-manifest.ts';

/**
 * Puts new signatures beside the manifest of a published image. They are the only files of an image that may be replaced: who reads them
 * verifies them, and a key may lose the belief that was put in it.
 * @throws AppError DIGEST_MISMATCH, STORE_FAILED, and what `sign` throws
 */
export async function signImage<T extends { files: SignatureFile[] }>(
  store: Store,
  image: PublishedImage,
  sign: (manifest: Uint8Array) => Promise<T>,
  signal: AbortSignal,
): Promise<T> {
  const signed = await sign(Buffer.from(await readManifestText(store, image)));
  for (const { name, bytes } of signed.files) {
    const key = image.manifest.replace(/manifest\.json$/, name);
    await store.put(key, { bytes }, { digest: digestOf(bytes), size: bytes.length, signal });
  }
  return signed;
}
