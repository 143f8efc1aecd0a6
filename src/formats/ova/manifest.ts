import { createPrivateKey, createPublicKey, sign, verify, X509Certificate } from 'node:crypto';
import { AppError } from '../../util/errors.ts';

/** The manifest of an OVF package (digests of its other files), and the certificate that signs the manifest. DSP0243, chapter 5.1. */

export interface ManifestLine {
  /** `sha256`, as Node calls it. */
  algorithm: 'sha1' | 'sha256' | 'sha512';
  file: string;
  /** Lower-case hex. */
  digest: string;
}

export function manifestText(files: { file: string; digest: string }[]): string {
  return files.map(({ file, digest }) => `SHA256(${file})= ${digest}\n`).join('');
}

/** Lines that are not of the known form are told as `undefined`. */
export function parseManifest(text: string): (ManifestLine | undefined)[] {
  return text
    .split(/\r?\n/)
    .filter((line) => line.trim() !== '')
    .map((line) => {
      const match = /^(SHA1|SHA256|SHA512)\s*\(([^)]+)\)\s*=\s*([0-9a-f]+)\s*$/i.exec(line);
      if (!match) return undefined;
      const [, algorithm = '', file = '', digest = ''] = match;
      return { algorithm: algorithm.toLowerCase() as ManifestLine['algorithm'], file, digest: digest.toLowerCase() };
    });
}

/** A private key and its X.509 certificate, both in PEM, in one text. */
export interface PackageSigner {
  sign(manifestName: string, manifest: Buffer): string;
}

/** @throws AppError CONFIG_INVALID when the two are not there, or do not belong together */
export function packageSigner(pem: string): PackageSigner {
  try {
    const key = createPrivateKey(pem);
    const certificate = new X509Certificate(/-----BEGIN CERTIFICATE-----[^]+?-----END CERTIFICATE-----/.exec(pem)?.[0] ?? '');
    if (!certificate.checkPrivateKey(key)) throw new Error('the certificate is of another key');
    return {
      sign: (name, manifest) => `SHA256(${name})= ${sign('sha256', manifest, key).toString('hex')}\n${certificate.toString()}`,
    };
  } catch (cause) {
    // The key must not be told, not even by an error's text.
    const why = cause instanceof Error && cause.message.startsWith('the certificate') ? `: ${cause.message}` : '';
    throw new AppError('CONFIG_INVALID', `A package cannot be signed with that key${why}`, {
      hint: 'It must be a PEM file with a private key (RSA or EC, without a passphrase) and its X.509 certificate.',
    });
  }
}

/** Who signed a manifest: the subject of the certificate. Undefined when the signature is not right. */
export function signerOf(certificateFile: string, manifestName: string, manifest: Buffer): string | undefined {
  const [line] = parseManifest(certificateFile.split('-----BEGIN')[0] ?? '');
  if (line?.file !== manifestName) return undefined;
  try {
    const certificate = new X509Certificate(certificateFile.slice(certificateFile.indexOf('-----BEGIN')));
    const key = createPublicKey(certificate.publicKey.export({ type: 'spki', format: 'pem' }));
    const isRight = verify(line.algorithm, manifest, key, Buffer.from(line.digest, 'hex'));
    return isRight ? certificate.subject.replaceAll('\n', ', ') : undefined;
  } catch {
    return undefined; // Not a certificate.
  }
}
