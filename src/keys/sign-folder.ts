import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type FolderSigning, provenanceName, type SignatureFile, type Signer } from '../model/signer.ts';
import type { PublicKey, SigningKey } from '../model/signing-key.ts';
import { AppError, errnoOf } from '../util/errors.ts';
import { writeFileAtomic } from '../util/files.ts';
import { manifestName, signManifest, verifyManifest } from './manifest-signatures.ts';

/** Signatures of the manifest in an output folder. */

/** The signature files of a folder. */
export async function readSignatures(folder: string, signers: readonly Signer[]): Promise<SignatureFile[]> {
  const files: SignatureFile[] = [];
  for (const { extension } of signers) {
    const name = manifestName + extension;
    const bytes = await readFile(join(folder, name)).catch(ignoreAbsent);
    if (bytes) files.push({ name, bytes });
  }
  return files;
}

function ignoreAbsent(error: unknown): undefined {
  if (errnoOf(error) !== 'ENOENT') throw error;
}

/** Signs the manifest of a folder, in place of earlier signatures. @throws AppError NOT_FOUND */
export async function signFolder(
  folder: string,
  key: SigningKey,
  signers: readonly Signer[],
  now: Date,
): Promise<SignatureFile[]> {
  const files = signManifest(key, await readManifestBytes(folder), signers, now);
  for (const { name, bytes } of files) await writeFileAtomic(join(folder, name), bytes);
  return files;
}

async function readManifestBytes(folder: string): Promise<Buffer> {
  return await readFile(join(folder, manifestName)).catch((cause: unknown) => {
    if (errnoOf(cause) !== 'ENOENT' && errnoOf(cause) !== 'ENOTDIR') throw cause;
    throw new AppError('NOT_FOUND', `There is no ${manifestName} in ${folder}`, {
      cause,
      hint: 'Name the output folder of a build, for example out/debian-12/20261123.1',
    });
  });
}

export interface SigningServices {
  signers: readonly Signer[];
  /** A statement of in-toto as a signed file. */
  signStatement: (key: SigningKey, statement: object) => Uint8Array;
  /** @throws AppError SIGNATURE_INVALID, NOT_TRUSTED */
  verifyStatement: (keys: readonly PublicKey[], file: Uint8Array) => unknown;
  /** The key that signs, looked for when it is needed. */
  signingKey: () => Promise<SigningKey | undefined>;
  /** Keys whose signatures can be judged on this machine. */
  knownKeys: () => Promise<PublicKey[]>;
  now: () => Date;
}

/** How builds and verifications sign. */
export function folderSigning({
  signers,
  signStatement,
  verifyStatement,
  signingKey,
  knownKeys,
  now,
}: SigningServices): FolderSigning {
  return {
    async check(folder) {
      const files = await readSignatures(folder, signers);
      const keys = await knownKeys();
      const refuseChanged = (name: string, signature: string, verify: () => unknown): void => {
        try {
          verify();
        } catch (error) {
          if (error instanceof AppError && error.code === 'NOT_TRUSTED') return;
          throw new AppError('SIGNATURE_INVALID', `${join(folder, name)} is not what was signed (${signature})`, {
            cause: error,
            hint: 'It was changed after the build. Build it again; if you changed it yourself and mean it, gabarit sign signs it as it is.',
          });
        }
      };
      const provenance = await readFile(join(folder, provenanceName)).catch(ignoreAbsent);
      if (provenance) refuseChanged(provenanceName, provenanceName, () => verifyStatement(keys, provenance));
      if (files.length === 0) return;
      const bytes = await readManifestBytes(folder);
      for (const file of files)
        refuseChanged(manifestName, file.name, () => verifyManifest(bytes, [file], signers, keys, folder));
    },
    async attest(folder, name, statement) {
      const key = await signingKey();
      if (key === undefined) return false;
      await writeFileAtomic(join(folder, name), signStatement(key, statement));
      return true;
    },
    async seal(folder) {
      const key = await signingKey();
      if (key) {
        await signFolder(folder, key, signers, now());
        return { signedBy: key.public, removed: 0 };
      }
      const stale = await readSignatures(folder, signers);
      for (const { name } of stale) await rm(join(folder, name));
      return { removed: stale.length };
    },
  };
}

/**
 * The signatures to publish with a folder: those that are there, when keys that may sign for the store have made them; ours, when there are none.
 * @throws AppError NOT_TRUSTED, SIGNATURE_INVALID
 */
export async function signaturesToPublish(
  folder: string,
  manifest: Uint8Array,
  options: {
    signers: readonly Signer[];
    key: SigningKey | undefined;
    active: readonly PublicKey[];
    now: Date;
    onSign: (key: PublicKey) => void;
  },
): Promise<SignatureFile[]> {
  const { signers, key, active, now, onSign } = options;
  const there = await readSignatures(folder, signers);
  if (there.length === 0) {
    if (key === undefined) {
      throw new AppError('NOT_TRUSTED', `${folder} is not signed, and this machine has no key to sign with`, {
        hint: 'gabarit key new makes one (once); then publish again.',
      });
    }
    const files = await signFolder(folder, key, signers, now);
    onSign(key.public);
    return files;
  }
  try {
    verifyManifest(manifest, there, signers, active, folder);
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    throw new AppError(error.code, `${folder} is not rightly signed: ${error.message}`, {
      cause: error,
      hint: `Build it again, or, when you know what has changed: gabarit sign ${folder}`,
    });
  }
  return there;
}
