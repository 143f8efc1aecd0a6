import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { AppError } from '../util/errors.ts';
import { inspectLocale, inspectTools, parseHostTools } from './doctor-tools.ts';

const { signal } = new AbortController();
const shipped = readFileSync(new URL('../host-tools.txt', import.meta.url), 'utf8');

describe('the list of host tools', () => {
  test('is read, with alternatives', () => {
    expect(parseHostTools('# a comment\n\nverify  /a/b|/c  ovmf  all\n')).toEqual([
      { group: 'verify', anyOf: ['/a/b', '/c'], package: 'ovmf', who: 'all' },
    ]);
    expect(parseHostTools(shipped).length).toBeGreaterThan(20);
  });

  test.each(['cook pan pans all', 'build tar', 'build tar tar nobody', 'build tar tar all more'])(
    'refuses %j by its line',
    (line) => {
      expect(() => parseHostTools(`# first\n${line}`)).toThrow(AppError);
      expect(() => parseHostTools(`# first\n${line}`)).toThrow('src/host-tools.txt:2');
    },
  );
});

test('each tool is found where it is, or missing with the way to get it', async () => {
  const facts = await inspectTools(signal);
  const isRoot = process.getuid?.() === 0;
  const listed = parseHostTools(shipped).filter((tool) => tool.who === 'all' || !isRoot);
  expect(facts).toHaveLength(listed.length);
  for (const fact of facts) {
    if (fact.found === 'missing') expect(fact.hint).toBe(`apt-get install --no-install-recommends ${fact.package}`);
    else expect(existsSync(fact.found.split(' ')[0] ?? '')).toBe(true);
  }
  expect(facts.find(({ id }) => id === 'tool.build.tar')).toMatchObject({ status: 'ok', package: 'tar' });
});

test('the C library of this host knows C.UTF-8', async () => {
  expect(await inspectLocale(signal)).toMatchObject({ status: 'ok' });
});
