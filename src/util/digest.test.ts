import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, onTestFinished, test } from 'vitest';
import { canonicalJson, derivedUuid, digestOf, digestOfFile, digestOfJson, shortDigest } from './digest.ts';
import { exec } from './exec.ts';

/** The same value with the keys of all its maps the other way around. */
function reversed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reversed);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(
    Object.entries(value)
      .toReversed()
      .map(([key, item]) => [key, reversed(item)]),
  );
}

describe('canonical JSON', () => {
  test('means the same as JSON does', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(JSON.parse(canonicalJson(value))).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });

  test('does not depend on the order of keys, but on that of lists', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(canonicalJson(reversed(value))).toBe(canonicalJson(value));
      }),
    );
    expect(canonicalJson([1, 2])).not.toBe(canonicalJson([2, 1]));
  });

  test('is different for different values', () => {
    const values = [{}, [], '', null, 0, '0', false, { a: null }, { a: [] }, ['a'], { a: { b: 1 } }, { a: 1, b: {} }];
    expect(new Set(values.map(digestOfJson)).size).toBe(values.length);
  });

  test('leaves out what is undefined, as a file of JSON does', () => {
    expect(canonicalJson({ b: undefined, a: 1 })).toBe('{"a":1}');
    expect(canonicalJson([undefined])).toBe('[null]');
  });
});

describe('a digest', () => {
  test('of a file is what sha256sum says', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'digest-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    const path = join(folder, 'file');
    await writeFile(path, Buffer.alloc(3_000_001, 'abc'));
    const { stdout } = await exec(['sha256sum', path]);
    expect(await digestOfFile(path)).toBe(`sha256:${stdout.slice(0, 64)}`);
    expect(await digestOfFile(path)).toBe(digestOf(Buffer.alloc(3_000_001, 'abc')));
    await expect(digestOfFile(path, AbortSignal.abort())).rejects.toMatchObject({ name: 'AbortError' });
    await expect(digestOfFile(join(folder, 'none'))).rejects.toMatchObject({ code: 'ENOENT' });
  });

  test('is shortened to 16 digits', () => {
    expect(shortDigest(digestOf(''))).toBe('e3b0c44298fc1c14');
  });
});

describe('a derived UUID', () => {
  test('is a valid one of version 8, the same for the same seed and name only', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), fc.string(), (seed, name, other) => {
        const uuid = derivedUuid(seed, name);
        expect(uuid).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
        expect(derivedUuid(seed, name)).toBe(uuid);
        if (other !== name) expect(derivedUuid(seed, other)).not.toBe(uuid);
        if (other !== seed) expect(derivedUuid(other, name)).not.toBe(uuid);
      }),
    );
  });
});
