import { expect, test } from 'vitest';
import { needs } from '../tools.ts';
import { killDeployers } from './deploy-kill.ts';

test.skipIf(needs('openssl'))('200 deployers that are killed at random points', { timeout: 90 * 60_000 }, async () => {
  const killed = await killDeployers(200);
  const kinds = new Set(killed.map(({ at }) => at));
  expect(killed.filter(({ at }) => at !== '').length).toBeGreaterThan(150);
  expect(kinds.size).toBeGreaterThan(15);
  expect(new Set(killed.map(({ decided }) => decided))).toEqual(new Set([true, false]));
});
