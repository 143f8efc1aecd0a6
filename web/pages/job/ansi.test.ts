import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseAnsi, plainText } from './ansi.ts';

test('colours and bold become spans', () => {
  expect(parseAnsi('a \u001b[1;31mred\u001b[0m b')).toEqual([
    { text: 'a ' },
    { text: 'red', bold: true, colour: 'red' },
    { text: ' b' },
  ]);
  expect(parseAnsi('\u001b[92mok\u001b[39m.')).toEqual([{ text: 'ok', colour: 'green' }, { text: '.' }]);
  expect(parseAnsi('\u001b[38;5;31mx\u001b[48;2;1;2;31my')).toEqual([{ text: 'x' }, { text: 'y' }]);
});

test('what is no colour is taken out: links, titles, cursor, bells', () => {
  expect(
    plainText(
      '\u001b]8;;https://evil.example\u0007click\u001b]8;;\u0007 \u001b]0;title\u001b\\here\u001b[2J\u001b[10;5H\u0007\u001bc!',
    ),
  ).toBe('click here!');
  expect(plainText('cut \u001b]8;;https://evil.example')).toBe('cut ');
  expect(plainText('\u001bPpayload\u001b\\after')).toBe('after');
  expect(plainText('<img src=x onerror=alert(1)>')).toBe('<img src=x onerror=alert(1)>');
});

test('no control character ever stays, whatever comes', () => {
  const piece = fc.oneof(fc.constantFrom('\u001b', '\u001b[', '\u001b]', '31m', '\u0007', '\u009b', ';', 'm'), fc.string());
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 20 }), (pieces) => {
      // oxlint-disable-next-line no-control-regex
      expect(plainText(pieces.join(''))).not.toMatch(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/);
    }),
  );
});
