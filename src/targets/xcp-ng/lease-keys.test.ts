import { expect, test } from 'vitest';
import { aliveKey, aliveValue, leaseMs, lockKey, readLeases } from './lease-keys.ts';

const now = Date.UTC(2026, 10, 23, 12);

test('a run is alive until its lease is over, and holds the templates that it has locked', () => {
  const config = {
    [aliveKey('a', 1)]: aliveValue('anna@builder', now - leaseMs - 1000),
    [aliveKey('a', 2)]: aliveValue('anna@builder', now - 1000),
    [aliveKey('b', 7)]: aliveValue('bob@ci', now - leaseMs - 1000),
    [lockKey('debian-12', 3)]: 'a',
    [lockKey('odd:name', 1)]: 'b',
    folder: '/',
    'gabarit:deployed:debian-12': '[]',
  };
  const leases = readLeases(config, now);
  expect([...leases.alive]).toEqual([['a', { by: 'anna@builder', until: now - 1000 + leaseMs }]]);
  expect(leases.locks.map(({ template, generation, run }) => [template, generation, run])).toEqual([
    ['debian-12', 3, 'a'],
    ['odd:name', 1, 'b'],
  ]);
  expect(leases.keys.map(({ run }) => run)).toEqual(['a', 'a', 'b', 'a', 'b']);
});

test.each(['', '{', '{"until":"yesterday"}', '[]', 'null', '{"until":5}'])('a lease that says %j is over', (value) => {
  const leases = readLeases({ [aliveKey('a', 1)]: value }, now);
  expect([leases.alive.size, leases.keys.length]).toEqual([0, 1]);
});
