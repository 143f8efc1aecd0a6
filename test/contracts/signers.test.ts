import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { newSigningKey } from '../../src/model/signing-key.ts';
import * as signerRegistry from '../../src/signers/index.ts';
import { AppError } from '../../src/util/errors.ts';

/** What every format of signatures must do. */

const now = new Date('2026-11-25T10:00:00Z');
const [key, other] = [newSigningKey('one', now), newSigningKey('two', now)];
const signers = Object.values(signerRegistry);
const text = Buffer.from('{"schema":"gabarit.manifest/1"}\n');

function codeOf(act: () => unknown): string {
  try {
    act();
    return 'accepted';
  } catch (error) {
    if (error instanceof AppError) return error.code;
    throw error;
  }
}

test('each format has its own id and extension', () => {
  expect(signers.length).toBeGreaterThan(1);
  expect(new Set(signers.map(({ id }) => id)).size).toBe(signers.length);
  expect(new Set(signers.map(({ extension }) => extension)).size).toBe(signers.length);
});

describe.each(signers)('$id', (signer) => {
  const signature = signer.sign(key, 'manifest.json', text, now);

  test('tells which of several keys has signed', () => {
    expect(signer.verify([other.public, key.public], text, signature)).toEqual(key.public);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 4096 }), (bytes) => {
        expect(signer.verify([key.public], bytes, signer.sign(key, 'x', bytes, now)).id).toBe(key.public.id);
      }),
      { numRuns: 50 },
    );
  });

  test('refuses a key that is not trusted, in its own words', () => {
    expect(codeOf(() => signer.verify([other.public], text, signature))).toBe('NOT_TRUSTED');
    expect(codeOf(() => signer.verify([], text, signature))).toBe('NOT_TRUSTED');
  });

  test('refuses the signature of another file, and one by another key under this one’s name', () => {
    const elsewhere = signer.sign(key, 'manifest.json', Buffer.from('other'), now);
    expect(codeOf(() => signer.verify([key.public], text, elsewhere))).toBe('SIGNATURE_INVALID');
    const pretender = { ...other, public: key.public };
    expect(codeOf(() => signer.verify([key.public], text, signer.sign(pretender, 'manifest.json', text, now)))).toBe(
      'SIGNATURE_INVALID',
    );
  });

  test('refuses the file with any one bit flipped', () => {
    for (let bit = 0; bit < text.length * 8; bit += 1) {
      const flipped = Buffer.from(text);
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(codeOf(() => signer.verify([key.public], flipped, signature))).toBe('SIGNATURE_INVALID');
    }
  });

  test('accepts nothing else when any one byte of the signature is changed', () => {
    // Some bytes carry nothing (a comment, white space, the spare bits of base64): what is accepted must be by the same key of the same file.
    for (let at = 0; at < signature.length; at += 1) {
      const changed = Buffer.from(signature);
      changed[at] = (changed[at] ?? 0) ^ 0x05;
      try {
        expect(signer.verify([key.public, other.public], text, changed).id).toBe(key.public.id);
      } catch (error) {
        expect(error).toBeInstanceOf(AppError);
      }
    }
  });

  test('refuses what is no signature, without a crash', () => {
    const wrong = [
      '',
      '{}',
      'null',
      '[]',
      '\0\0\0',
      'untrusted comment: x\nRUQ=\ntrusted comment: y\nAAAA\n',
      Buffer.from(signature).toString().slice(0, -40),
    ];
    for (const bytes of wrong)
      expect(codeOf(() => signer.verify([key.public], text, Buffer.from(bytes)))).toBe('SIGNATURE_INVALID');
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
        expect(codeOf(() => signer.verify([key.public], text, bytes))).toBe('SIGNATURE_INVALID');
      }),
      { numRuns: 200 },
    );
  });
});
