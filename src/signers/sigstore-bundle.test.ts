import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { hasTool } from '../../test/tools.ts';
import { newSigningKey } from '../model/signing-key.ts';
import { exec } from '../util/exec.ts';
import { signStatement, sigstoreBundle, verifyStatement } from './sigstore-bundle.ts';

const now = new Date('2026-11-25T10:00:00Z');
const [key, other] = [newSigningKey('default', now), newSigningKey('other', now)];
const bytes = Buffer.from('{"schema":"gabarit.manifest/1"}\n');
const statement = {
  _type: 'https://in-toto.io/Statement/v1',
  predicateType: 'https://slsa.dev/provenance/v1',
  subject: [],
  predicate: {},
};

function parsed(file: Uint8Array): Record<string, unknown> {
  return JSON.parse(Buffer.from(file).toString()) as Record<string, unknown>;
}

function altered(file: Uint8Array, from: string, to: string): Buffer {
  const text = Buffer.from(file).toString();
  expect(text).toContain(from);
  return Buffer.from(text.replace(from, to));
}

test('a bundle has the shape of version 0.3 made with a key', () => {
  expect(parsed(sigstoreBundle.sign(key, 'manifest.json', bytes, now))).toEqual({
    mediaType: 'application/vnd.dev.sigstore.bundle.v0.3+json',
    verificationMaterial: { publicKey: { hint: expect.stringMatching(/^[A-Za-z0-9+/]{43}=$/) as string }, tlogEntries: [] },
    messageSignature: {
      messageDigest: { algorithm: 'SHA2_256', digest: expect.stringMatching(/^[A-Za-z0-9+/]{43}=$/) as string },
      signature: expect.stringMatching(/^ME[A-Za-z0-9+/]+=*$/) as string,
    },
  });
});

test('a bundle of another version is refused', () => {
  const bundle = sigstoreBundle.sign(key, 'manifest.json', bytes, now);
  expect(() => sigstoreBundle.verify([key.public], bytes, altered(bundle, 'v0.3', 'v0.9'))).toThrow('no bundle of version 0.3');
});

describe('a statement', () => {
  const file = signStatement(key, statement);

  test('is given back with the key that signed it', () => {
    expect(verifyStatement([other.public, key.public], file)).toEqual({ statement, key: key.public });
    expect(() => verifyStatement([other.public], file)).toThrow('none of those trusted');
  });

  test('is refused with another payload, or as another kind of payload', () => {
    const payload = Buffer.from(JSON.stringify(statement)).toString('base64');
    const forged = Buffer.from(JSON.stringify({ ...statement, subject: [{ name: 'evil' }] })).toString('base64');
    expect(() => verifyStatement([key.public], altered(file, payload, forged))).toThrow('does not fit its statement');
    expect(() => verifyStatement([key.public], altered(file, 'vnd.in-toto', 'vnd.other'))).toThrow(
      'signs application/vnd.other+json',
    );
  });

  test('is no signature of a file, nor the other way round', () => {
    expect(() => sigstoreBundle.verify([key.public], bytes, file)).toThrow('it signs a statement');
    expect(() => verifyStatement([key.public], sigstoreBundle.sign(key, 'x', bytes, now))).toThrow('it signs a file');
  });
});

// Debian 12 has no cosign: where it is, it must agree.
describe.skipIf(!hasTool('cosign'))('cosign itself', () => {
  test('verifies ours offline, and refuses another file', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'cosign-'));
    try {
      await writeFile(join(folder, 'manifest.json'), bytes);
      await writeFile(join(folder, 'other.json'), 'other');
      await writeFile(join(folder, 'bundle.json'), sigstoreBundle.sign(key, 'manifest.json', bytes, now));
      await writeFile(join(folder, 'key.pem'), sigstoreBundle.publicKeyText(key.public));
      await writeFile(join(folder, 'root.json'), '{"mediaType":"application/vnd.dev.sigstore.trustedroot+json;version=0.1"}');
      const verify = (file: string): ReturnType<typeof exec> =>
        exec(
          [
            'cosign',
            'verify-blob',
            '--key',
            'key.pem',
            '--bundle',
            'bundle.json',
            '--new-bundle-format',
            '--trusted-root',
            'root.json',
            '--insecure-ignore-tlog=true',
            file,
          ],
          { cwd: folder },
        );
      const { stderr } = await verify('manifest.json');
      expect(stderr).toContain('Verified OK');
      await expect(verify('other.json')).rejects.toMatchObject({ code: 'COMMAND_FAILED' });
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
