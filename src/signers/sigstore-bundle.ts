import { createHash, createPublicKey, sign, verify } from 'node:crypto';
import { z } from 'zod';
import type { Signer } from '../model/signer.ts';
import { type PublicKey, type SigningKey, verifiersOf } from '../model/signing-key.ts';
import { AppError } from '../util/errors.ts';

/**
 * Sigstore's bundle, version 0.3, signed with a key and without a transparency log: ECDSA P-256 over SHA-256.
 * `cosign verify-blob --key KEY.pem --bundle FILE ...` verifies it.
 */
export const sigstoreBundle: Signer = {
  id: 'sigstore-bundle',
  extension: '.sigstore.json',

  sign(key, _name, bytes) {
    return bundleFile(key, {
      messageSignature: {
        messageDigest: { algorithm: 'SHA2_256', digest: sha256(bytes).toString('base64') },
        signature: sign('sha256', bytes, key.ecdsa).toString('base64'),
      },
    });
  },

  verify(keys, bytes, signature) {
    const bundle = parse(signature);
    if (bundle.messageSignature === undefined) throw refused('it signs a statement, not a file');
    const { messageDigest, signature: made } = bundle.messageSignature;
    const key = keyOf(bundle, keys);
    if (messageDigest.digest !== sha256(bytes).toString('base64')) throw refused('it was made for other bytes');
    if (!verify('sha256', bytes, verifiersOf(key).ecdsa, Buffer.from(made, 'base64')))
      throw refused('it does not fit these bytes');
    return key;
  },

  publicKeyText({ ecdsa }) {
    const key = createPublicKey({ key: Buffer.from(ecdsa, 'base64'), format: 'der', type: 'spki' });
    return key.export({ type: 'spki', format: 'pem' }).toString();
  },
};

const mediaType = 'application/vnd.dev.sigstore.bundle.v0.3+json';
const inToto = 'application/vnd.in-toto+json';

const messageSignature = z.looseObject({
  messageDigest: z.looseObject({ algorithm: z.literal('SHA2_256'), digest: z.base64() }),
  signature: z.base64(),
});
const dsseEnvelope = z.looseObject({
  payload: z.base64(),
  payloadType: z.string(),
  signatures: z.array(z.looseObject({ sig: z.base64() })).length(1),
});
const bundleSchema = z.looseObject({
  mediaType: z.literal(mediaType),
  verificationMaterial: z.looseObject({ publicKey: z.looseObject({ hint: z.string() }) }),
  messageSignature: messageSignature.optional(),
  dsseEnvelope: dsseEnvelope.optional(),
});
type Bundle = z.infer<typeof bundleSchema>;

function bundleFile(key: SigningKey, content: object): Uint8Array {
  return Buffer.from(
    `${JSON.stringify({ mediaType, verificationMaterial: { publicKey: { hint: hintOf(key.public) }, tlogEntries: [] }, ...content })}\n`,
  );
}

/** A statement of in-toto about files, signed in an envelope of its own (DSSE). */
export function signStatement(key: SigningKey, statement: unknown): Uint8Array {
  const payload = Buffer.from(JSON.stringify(statement));
  return bundleFile(key, {
    dsseEnvelope: {
      payload: payload.toString('base64'),
      payloadType: inToto,
      signatures: [{ sig: sign('sha256', authenticated(payload), key.ecdsa).toString('base64') }],
    },
  });
}

/** The statement of a bundle, and the key that signed it. @throws AppError SIGNATURE_INVALID */
export function verifyStatement(keys: readonly PublicKey[], file: Uint8Array): { statement: unknown; key: PublicKey } {
  const bundle = parse(file);
  if (bundle.dsseEnvelope === undefined) throw refused('it signs a file, not a statement');
  const { payload, payloadType, signatures } = bundle.dsseEnvelope;
  if (payloadType !== inToto) throw refused(`it signs ${payloadType}`);
  const key = keyOf(bundle, keys);
  const bytes = Buffer.from(payload, 'base64');
  if (!verify('sha256', authenticated(bytes), verifiersOf(key).ecdsa, Buffer.from(signatures[0]?.sig ?? '', 'base64')))
    throw refused('it does not fit its statement');
  return { statement: JSON.parse(bytes.toString()) as unknown, key };
}

/** What DSSE signs: the kind of the payload together with it. */
function authenticated(payload: Buffer): Buffer {
  return Buffer.concat([Buffer.from(`DSSEv1 ${inToto.length} ${inToto} ${payload.length} `), payload]);
}

function sha256(bytes: Uint8Array): Buffer {
  return createHash('sha256').update(bytes).digest();
}

/** What a bundle calls its key by: the digest of the key, as sigstore's own tools write it. */
function hintOf({ ecdsa }: Pick<PublicKey, 'ecdsa'>): string {
  return sha256(Buffer.from(ecdsa, 'base64')).toString('base64');
}

function keyOf({ verificationMaterial }: Bundle, keys: readonly PublicKey[]): PublicKey {
  const { hint } = verificationMaterial.publicKey;
  const key = keys.find((candidate) => hintOf(candidate) === hint);
  if (!key) throw stranger(`the key ${hint}`);
  return key;
}

function parse(file: Uint8Array): Bundle {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(file).toString());
  } catch {
    throw refused('it is not JSON');
  }
  const parsed = bundleSchema.safeParse(value);
  if (!parsed.success) throw refused('it is no bundle of version 0.3 made with a key');
  return parsed.data;
}

function refused(reason: string): AppError {
  return new AppError('SIGNATURE_INVALID', `The sigstore signature is refused: ${reason}`);
}

function stranger(key: string): AppError {
  return new AppError('NOT_TRUSTED', `The sigstore signature was made by ${key}, which is none of those trusted here`);
}
