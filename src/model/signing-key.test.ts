import { expect, test } from 'vitest';
import { fingerprintOf, newSigningKey, parsePublicKey, parseSecretKey, secretKeyText } from './signing-key.ts';

const now = new Date('2026-11-25T10:00:00Z');
const key = newSigningKey('default', now);
const shown = JSON.stringify(key.public);

test('a secret key is one word, from which the same key is read', () => {
  const text = secretKeyText(key);
  expect(text).toMatch(/^gabarit-secret-key-1\.[A-Za-z0-9_-]+$/);
  const again = parseSecretKey(`${text}\n`, 'env:KEY');
  expect(again.public).toEqual(key.public);
  expect(secretKeyText(again)).toBe(text);
  expect(key.public.id).toBe(fingerprintOf(key.public));
});

test.each([
  ['nothing', ''],
  ['another secret', 'AKIAIOSFODNN7EXAMPLE'],
  ['half of a key', secretKeyText(key).slice(0, 200)],
  [
    'a key of another kind',
    `gabarit-secret-key-1.${Buffer.from(JSON.stringify({ name: 'x', created: now, ecdsa: 'AAAA', ed25519: 'AAAA' })).toString('base64url')}`,
  ],
])('%s is no secret key, and the error does not quote it', (_, text) => {
  const read = (): unknown => parseSecretKey(text, 'env:KEY');
  expect(read).toThrow(
    expect.objectContaining({ code: 'CONFIG_INVALID', message: 'env:KEY holds no signing key of Gabarit' }) as Error,
  );
});

test('a public key is read only under its own fingerprint, and when its parts are what they should be', () => {
  expect(parsePublicKey(shown, 'x.pub')).toEqual(key.public);
  const other = newSigningKey('default', now).public;
  const wrong = [
    { ...key.public, id: other.id },
    { ...key.public, ecdsa: other.ecdsa },
    { ...key.public, ed25519: other.ed25519 },
    { ...key.public, ecdsa: key.public.ed25519 },
    { ...key.public, ed25519: 'AAAA' },
    { ...key.public, extra: 1 },
  ];
  for (const document of wrong) {
    expect(() => parsePublicKey(JSON.stringify(document), 'x.pub')).toThrow(
      expect.objectContaining({ code: 'IMAGE_INVALID' }) as Error,
    );
  }
});
