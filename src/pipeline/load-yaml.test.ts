import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { plainOf } from './load-tree.ts';
import { maxBytes, parseYaml } from './load-yaml.ts';

function faultsOf(text: string | Uint8Array): string[] {
  return parseYaml(Buffer.from(text), 't').faults.map(({ line, column, message }) => `${line}:${column}: ${message}`);
}

function dataOf(text: string | Uint8Array): unknown {
  const { tree, faults } = parseYaml(Buffer.from(text), 't');
  expect(faults).toEqual([]);
  return tree && plainOf(tree);
}

describe('reads', () => {
  test('maps, lists and the scalars of YAML 1.2', () => {
    expect(dataOf('a: [1, 0x10, 1.5, true, no, ~, "x", 2026-01-01]\nb:\n  - c: |\n      d\n')).toEqual({
      a: [1, 16, 1.5, true, 'no', null, 'x', '2026-01-01'],
      b: [{ c: 'd\n' }],
    });
  });

  test('Windows line ends and a byte order mark', () => {
    expect(dataOf('\uFEFFa: 1\r\nb: x\r\n')).toEqual({ a: 1, b: 'x' });
  });

  test('a document with its marks', () => expect(dataOf('---\na: 1\n...\n')).toEqual({ a: 1 }));

  test('anchors that nothing refers to', () => expect(dataOf('a: &x 1\n')).toEqual({ a: 1 }));

  test('50 levels', () => expect(dataOf(`a: ${'['.repeat(49)}${']'.repeat(49)}\n`)).toBeTypeOf('object'));
});

describe('refuses', () => {
  test.each([
    ['[', '['.repeat(20_000)],
    ['{', '{a: '.repeat(20_000)],
    ['-', '- '.repeat(20_000)],
    ['?', '? '.repeat(20_000)],
    ['closed [', `a: ${'['.repeat(20_000)}${']'.repeat(20_000)}`],
    ['indentation', Array.from({ length: 400 }, (_, level) => `${' '.repeat(level)}a:`).join('\n')],
    ['51 levels', `a: ${'['.repeat(51)}${']'.repeat(51)}`],
  ])('deep nesting by %s', (_, text) => {
    const faults = faultsOf(text);
    expect(faults).toHaveLength(1);
    expect(faults[0]).toMatch(/^\d+:\d+: is nested deeper than 50 levels$/);
  });

  test('an alias bomb, without unfolding it', () => {
    const levels = Array.from({ length: 20 }, (_, n) => `a${n + 1}: &a${n + 1} [${`*a${n},`.repeat(9)}]`);
    const faults = faultsOf(`a0: &a0 lol\n${levels.join('\n')}\n`);
    expect(faults).toHaveLength(180);
    expect(faults[0]).toBe('2:10: aliases ("*a0") are not allowed');
  });

  test('a file of 1 MiB, and one a byte too large', () => {
    expect(faultsOf('a: 1\n'.repeat(210_000))).toEqual(['1:1: is larger than 256 KiB']);
    expect(faultsOf(`#${'x'.repeat(maxBytes)}`)).toEqual(['1:1: is larger than 256 KiB']);
    expect(dataOf(`a: 1\n#${'x'.repeat(maxBytes - 6)}`)).toEqual({ a: 1 });
  });

  test('what is not UTF-8 text', () => {
    expect(faultsOf(Buffer.from([0x61, 0x3a, 0x20, 0xff]))).toEqual(['1:1: is not UTF-8 text']);
    expect(faultsOf(Buffer.from('\uFEFFa: 1', 'utf16le'))).toEqual(['1:1: is not UTF-8 text']);
    expect(faultsOf('a: 1\nb: x\u0000y\n')).toEqual(['2:5: control characters are not allowed']);
    expect(faultsOf('a: \u001b[31m\n')[0]).toContain('control characters');
  });

  test('prototype keys, which change nothing', () => {
    expect(faultsOf('__proto__: { polluted: 1 }\n')).toEqual(['1:1: the key "__proto__" is not allowed']);
    expect(faultsOf('"__proto__": 1\n')).toHaveLength(1);
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });

  test('50,000 times the same key, in time', () => {
    const started = performance.now();
    expect(faultsOf('a: 1\n'.repeat(50_000))).toHaveLength(49_999);
    expect(performance.now() - started).toBeLessThan(10_000);
  });
});

/** Pieces that mean something in YAML, so that random texts go deep. */
const pieces = fc.constantFrom(
  'a',
  'b:',
  ': ',
  '- ',
  '? ',
  '[',
  ']',
  '{',
  '}',
  ',',
  '&x ',
  '*x',
  '!!str ',
  '<<: ',
  '"',
  "'",
  '|',
  '>',
  '\n',
  '\n  ',
  '\t',
  '#',
  '---\n',
  '...\n',
  '%YAML 1.1\n',
  '\r\n',
  '__proto__: ',
  '0x1',
  '.inf',
  '~',
  '\u0000',
  '\u2028',
  'é',
  '\ud83d\ude00',
  '\\',
  '@',
  '`',
);

test('never throws on random text, and gives either a tree or faults with places', () => {
  const text = fc.oneof(
    fc.array(pieces, { maxLength: 60 }).map((parts) => parts.join('')),
    fc.string({ unit: 'binary', maxLength: 200 }),
  );
  fc.assert(
    fc.property(text, (random) => {
      const { tree, faults } = parseYaml(Buffer.from(random), 't');
      expect(tree === undefined).toBe(faults.length > 0);
      for (const { line, column } of faults) expect(Math.min(line ?? 0, column ?? 0)).toBeGreaterThan(0);
    }),
    { numRuns: 1000, interruptAfterTimeLimit: 30_000, markInterruptAsFailure: true },
  );
});
