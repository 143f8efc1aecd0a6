import { z } from 'zod';
import type { PublicKey, SigningKey } from './signing-key.ts';

/** Signatures: of documents that a catalog keeps (indexes, keys), and of manifests in formats that other tools know. */

/** One signature of the bytes of a document, in the document's envelope. */
export const documentSignatureSchema = z.strictObject({
  /** The fingerprint of the key that made it. */
  keyId: z.string().regex(/^sha256:[0-9a-f]{64}$/),
  /** Ed25519, in base64. */
  signature: z.base64(),
});
export type DocumentSignature = z.infer<typeof documentSignatureSchema>;

/** Signs the documents of one catalog. */
export interface DocumentSigner {
  sign(bytes: Uint8Array): Promise<DocumentSignature[]>;
}

/** Knows the keys of one catalog. */
export interface DocumentTrust {
  /** The fingerprints of the keys that may sign now and whose signature is right; none means that the document must be refused. */
  verify(bytes: Uint8Array, signatures: readonly DocumentSignature[]): string[];
}

/** How an index was read, for those who remember what they saw. */
export interface IndexRead {
  /** Of the signed bytes. */
  digest: string;
  /** What `DocumentTrust.verify` answered. */
  signedBy: readonly string[];
  /** Who reads an index in order to change it may find it expired: that is how it is renewed. */
  purpose: 'read' | 'change';
}

/** A format of detached signatures: the file `manifest.json` + `extension` lies beside the manifest. */
export interface Signer {
  id: string;
  /** `.minisig` */
  extension: string;
  /** The signature file of bytes that lie in a file of that name. */
  sign(key: SigningKey, name: string, bytes: Uint8Array, time: Date): Uint8Array;
  /** Which of the keys made this signature of these bytes. @throws AppError SIGNATURE_INVALID, saying why; NOT_TRUSTED when it was none of them */
  verify(keys: readonly PublicKey[], bytes: Uint8Array, signature: Uint8Array): PublicKey;
  /** The public key as the tools of this format read it. */
  publicKeyText(key: PublicKey): string;
}

/** The signed statement of what went into an image, in its output folder. */
export const provenanceName = 'provenance.sigstore.json';

/** A signature file beside a manifest. */
export interface SignatureFile {
  /** `manifest.json.minisig` */
  name: string;
  bytes: Uint8Array;
}

/** What a build and a verification do about the signatures of an output folder. */
export interface FolderSigning {
  /** Refuses a manifest that is not the one that was signed; what a stranger signed cannot be judged here. @throws AppError SIGNATURE_INVALID */
  check(folder: string): Promise<void>;
  /** Writes a signed statement about the files of a folder; without a key, nothing. Says whether it did. */
  attest(folder: string, name: string, statement: object): Promise<boolean>;
  /** Signs the manifest as it is now; without a key, removes signatures of an earlier one. Says who signed. */
  seal(folder: string): Promise<{ signedBy?: PublicKey; removed: number }>;
}
