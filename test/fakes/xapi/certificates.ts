import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { exec } from '../../../src/util/exec.ts';

export interface Certificate {
  key: string;
  cert: string;
  /** SHA-256, `AB:CD:...`. */
  fingerprint: string;
}

const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];

/** A CA of its own, as PEM files in `folder`. */
export async function makeAuthority(folder: string): Promise<{ pem: string }> {
  const [key, cert] = [join(folder, 'ca.key'), join(folder, 'ca.pem')];
  await openssl([...newKey, '-days', '2', '-subj', '/CN=Test CA', '-keyout', key, '-out', cert]);
  return { pem: await readFile(cert, 'utf8') };
}

/** A certificate for an address, signed by itself as hosts do, or by the CA of {@link makeAuthority} in the same folder. */
export async function makeCertificate(folder: string, address: string, signedBy: 'itself' | 'ca'): Promise<Certificate> {
  const [key, cert] = [join(folder, `${address}.key`), join(folder, `${address}.pem`)];
  const authority = signedBy === 'ca' ? ['-CA', join(folder, 'ca.pem'), '-CAkey', join(folder, 'ca.key')] : [];
  const name = ['-subj', `/CN=${address}`, '-addext', `subjectAltName=IP:${address}`];
  await openssl([...newKey, '-days', '2', ...name, ...authority, '-keyout', key, '-out', cert]);
  const pem = await readFile(cert, 'utf8');
  return { key: await readFile(key, 'utf8'), cert: pem, fingerprint: new X509Certificate(pem).fingerprint256 };
}

async function openssl(args: string[]): Promise<void> {
  await exec(['openssl', 'req', '-x509', ...args]);
}
