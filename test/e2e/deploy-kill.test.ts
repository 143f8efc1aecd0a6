import { expect, test } from 'vitest';
import { needs } from '../tools.ts';
import { killDeployers } from './deploy-kill.ts';

test.skipIf(needs('openssl'))(
  'a deployer that is killed at random points leaves nothing that the janitor does not find',
  async () => {
    const killed = await killDeployers(12);
    expect(killed.filter(({ at }) => at !== '').length).toBeGreaterThan(6);
  },
);
