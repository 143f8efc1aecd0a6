import { createHash, type KeyObject, sign, verify } from 'node:crypto';
import type { Signer } from '../model/signer.ts';
import { type PublicKey, verifiersOf } from '../model/signing-key.ts';
import { AppError } from '../util/errors.ts';

/**
 * The format of minisign: Ed25519 over the BLAKE2b-512 digest of the file, and once more over that signature and a comment that can
 * thus be trusted. `minisign -V -p KEY.pub -m manifest.json` verifies it.
 */
export const minisign: Signer = {
  id: 'minisign',
  extension: '.minisig',

  sign(key, name, bytes, time) {
    const comment = `timestamp:${Math.floor(time.getTime() / 1000)}\tfile:${name}\thashed`;
    const signature = sign(null, digestOfFile(bytes), key.ed25519);
    const global = sign(null, Buffer.concat([signature, Buffer.from(comment)]), key.ed25519);
    const head = Buffer.concat([prehashed, keyNumberOf(key.public), signature]);
    return Buffer.from(
      `untrusted comment: signature by Gabarit key ${key.public.id}\n${head.toString('base64')}\ntrusted comment: ${comment}\n${global.toString('base64')}\n`,
    );
  },

  verify(keys, bytes, signature) {
    const { head, comment, global } = parse(signature);
    const number = head.subarray(2, 10);
    const key = keys.find((candidate) => keyNumberOf(candidate).equals(number));
    if (!key) throw stranger(`the minisign key ${shownNumber(number)}`);
    if (!verifyWith(verifiersOf(key).ed25519, digestOfFile(bytes), head.subarray(10), comment, global))
      throw refused('it does not fit these bytes');
    return key;
  },

  publicKeyText(key) {
    const number = keyNumberOf(key);
    const bytes = Buffer.concat([plain, number, Buffer.from(key.ed25519, 'base64')]);
    return `untrusted comment: minisign public key ${shownNumber(number)}\n${bytes.toString('base64')}\n`;
  },
};

const prehashed = Buffer.from('ED');
const plain = Buffer.from('Ed');

function digestOfFile(bytes: Uint8Array): Buffer {
  return createHash('blake2b512').update(bytes).digest();
}

function verifyWith(key: KeyObject, digest: Buffer, signature: Buffer, comment: string, global: Buffer): boolean {
  return verify(null, digest, key, signature) && verify(null, Buffer.concat([signature, Buffer.from(comment)]), key, global);
}

/** The eight bytes by which minisign tells keys apart: here, the beginning of the fingerprint. */
function keyNumberOf({ id }: Pick<PublicKey, 'id'>): Buffer {
  return Buffer.from(id.slice('sha256:'.length), 'hex').subarray(0, 8);
}

/** As minisign shows it. */
function shownNumber(number: Buffer): string {
  return Buffer.from(number.toReversed()).toString('hex').toUpperCase();
}

function parse(file: Uint8Array): { head: Buffer; comment: string; global: Buffer } {
  const match =
    /^untrusted comment: [^\n]*\n([A-Za-z0-9+/=]+)\r?\ntrusted comment: ([^\r\n]*)\r?\n([A-Za-z0-9+/=]+)(?:\r?\n)?$/.exec(
      Buffer.from(file).toString(),
    );
  const [head, comment, global] = [match?.[1], match?.[2], match?.[3]];
  if (head === undefined || comment === undefined || global === undefined) throw refused('it is no minisign signature');
  const bytes = { head: Buffer.from(head, 'base64'), comment, global: Buffer.from(global, 'base64') };
  if (bytes.head.length !== 74 || bytes.global.length !== 64) throw refused('it is no minisign signature');
  if (!bytes.head.subarray(0, 2).equals(prehashed)) throw refused('it is of the old kind, over the file and not over its digest');
  return bytes;
}

function refused(reason: string): AppError {
  return new AppError('SIGNATURE_INVALID', `The minisign signature is refused: ${reason}`);
}

function stranger(key: string): AppError {
  return new AppError('NOT_TRUSTED', `The minisign signature was made by ${key}, which is none of those trusted here`);
}
