import fc from 'fast-check';
import { afterEach, describe, expect, test } from 'vitest';
import { forgetSecrets, redact, redactDeep, registerSecret } from './redact.ts';

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
        expect(redactDeep({ plain, list: ['x a-very-secret-text'] })).toEqual({ plain, list: ['x [redacted]'] });
      }),
    );
  });
});
