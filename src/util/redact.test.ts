import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { afterEach, describe, expect, test } from 'vitest';
import { forgetSecrets, holdsSecret, redact, redactDeep, registerSecret, safeLength } from './redact.ts';
import { formsOf } from './secret-forms.ts';

afterEach(forgetSecrets);

describe('a registered secret', () => {
  test.each([
    ['as it is', 'p@ss "word"/+ü'],
    ['in base64', Buffer.from('p@ss "word"/+ü').toString('base64')],
    ['in a URL', encodeURIComponent('p@ss "word"/+ü')],
    ['in JSON', JSON.stringify({ key: 'p@ss "word"/+ü' }).slice(8, -2)],
  ])('is removed %s, wherever it stands', (_, form) => {
    registerSecret('p@ss "word"/+ü');
    expect(redact(`before ${form} after ${form}`)).toBe('before [redacted] after [redacted]');
  });

  test.each([
    ['as the password of HTTP', Buffer.from('user:p@ss "word"/+ü').toString('base64')],
    ['in the middle of base64', Buffer.from('{"k":"p@ss "word"/+ü"}').toString('base64')],
    ['in base64 of URLs', Buffer.from('xxp@ss "word"/+ü-').toString('base64url')],
    ['in hex', Buffer.from('p@ss "word"/+ü').toString('hex')],
    ['in capital hex', Buffer.from('p@ss "word"/+ü').toString('hex').toUpperCase()],
    ['in a form', new URLSearchParams({ key: 'p@ss "word"/+ü' }).toString()],
    ['in JSON within JSON', JSON.stringify(JSON.stringify({ key: 'p@ss "word"/+ü' }))],
    ['in XML', '<value>p@ss &quot;word&quot;/+ü</value>'],
  ])('is removed %s', (_, text) => {
    registerSecret('p@ss "word"/+ü');
    expect(redact(text)).toContain('[redacted]');
    for (const part of ['p@ss', 'word', 'cEBzcyAid29yZCIv', 'BAc3MgIndvcm', 'QHNzICJ3b3Jk', Buffer.from('word').toString('hex')])
      expect(redact(text).toLowerCase()).not.toContain(part.toLowerCase());
  });

  test('that overlaps another leaves nothing of either', () => {
    registerSecret('abcdefgh');
    registerSecret('efghijkl');
    registerSecret('cdefgh');
    expect(redact('-abcdefghijkl-abcdefgh-')).toBe('-[redacted]-[redacted]-');
  });

  test('is not cut in two when a text is passed on in pieces, wherever it is cut', () => {
    registerSecret('a-very-secret-text');
    registerSecret('another-secret');
    const text = `${'.'.repeat(100)}a-very-secret-text${'-'.repeat(100)}another-secret-and a-very-secret-text`;
    for (let at = 1; at < text.length; at += 1) {
      let passed = '';
      let rest = '';
      for (const piece of [text.slice(0, at), text.slice(at)]) {
        rest += piece;
        const length = safeLength(rest);
        passed += redact(rest.slice(0, length));
        rest = rest.slice(length);
      }
      expect(passed + redact(rest)).toBe(redact(text));
    }
    expect(safeLength('a text without any beginning of one'.repeat(10))).toBeGreaterThan(200);
  });

  test('is one of ten thousand, and none of them is left in a megabyte of text, in any form', () => {
    const secrets = Array.from({ length: 10_000 }, (_, at) =>
      createHash('sha256').update(String(at)).digest('base64').slice(0, 30),
    );
    for (const secret of secrets) registerSecret(secret);
    const text = secrets.flatMap((secret) => ['-- ', ...formsOf(secret), ' --']).join(' ');
    expect(text.length).toBeGreaterThan(3_000_000);
    const clean = redact(text);
    expect(clean.replaceAll('[redacted]', '').replaceAll(/[ -]|%[23][BFbf]|\\|[+/=]/g, '').length).toBeLessThan(
      secrets.length * 20,
    );
    expect(holdsSecret(clean)).toBe(false);
  });

  test('of several lines is removed line by line', () => {
    registerSecret('-----BEGIN KEY-----\nc2VjcmV0\r\n-----END KEY-----\n');
    expect(redact('key: c2VjcmV0')).toBe('key: [redacted]');
  });

  test('that is part of another leaves nothing of the other', () => {
    registerSecret('secret');
    registerSecret('secret-and-more');
    expect(redact('secret-and-more secret')).toBe('[redacted] [redacted]');
  });

  test('that is very short is left alone, or nothing could be read', () => {
    registerSecret('a');
    registerSecret('');
    expect(redact('a banana')).toBe('a banana');
  });

  test('is removed from every text of a value, and nothing else changes', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        forgetSecrets();
        registerSecret('a-very-secret-text');
        const plain: unknown = JSON.parse(JSON.stringify(value));
        expect(redactDeep({ plain, list: ['x a-very-secret-text'], 'a-very-secret-text': 1 })).toEqual({
          plain,
          list: ['x [redacted]'],
          '[redacted]': 1,
        });
      }),
    );
  });
});
