import { afterEach, beforeEach, expect, test } from 'vitest';
import { type DeployWorld, deployWorld } from '../../test/deploy-world.ts';
import { XapiFault } from '../../test/fakes/xapi.ts';
import { removeDeployments, rollBack, sweepTargets } from '../pipeline/deploy.ts';

const { signal } = new AbortController();
let world: DeployWorld;
beforeEach(async () => {
  world = await deployWorld();
});
afterEach(() => world[Symbol.asyncDispose]());

function versionOfCurrent(): unknown {
  const named = world.pool.db.all('VM').filter(({ record }) => record['name_label'] === 'debian-12');
  expect(named).toHaveLength(1);
  return (named[0]?.record['other_config'] as Record<string, string> | undefined)?.['gabarit:version'];
}

const expectAsBefore = (): void => {
  const clean = { machines: [], tasks: 0, sessions: 0, ownKeys: [] };
  expect(world.left()).toEqual({ ...clean, templates: ['debian-12'], disks: 1 });
  expect(versionOfCurrent()).toBe('20261123.1');
};

test('every call of a deployment fails once: nothing is left, or the new version is there', {
  timeout: 10 * 60_000,
}, async () => {
  await world.publish('20261123.1');
  await world.deploy('debian-12');
  await world.publish('20261124.1');
  const seen: string[] = [];
  for (let at = 0; ; at += 1) {
    let count = -1;
    world.pool.faults.beforeCall = (method) => {
      if (!/^(VM|VDI|VIF)\.(?!get_)/.test(method)) return;
      count += 1;
      if (count !== at) return;
      seen.push(method);
      throw new XapiFault('INTERNAL_ERROR', ['planted']);
    };
    const { outcome } = await world.deploy('debian-12');
    world.pool.faults.beforeCall = undefined;
    if (outcome === 'deployed') break;
    expect(outcome, seen.at(-1)).toBe('failed');
    await sweepTargets(['lab'], world.services, signal);
    if (versionOfCurrent() === '20261124.1') {
      expect(world.left(), seen.at(-1)).toMatchObject({ templates: ['debian-12', 'debian-12 (20261123.1)'], disks: 2 });
      await rollBack({ template: 'debian-12', targets: ['lab'] }, world.services, signal);
      await removeDeployments(
        { template: 'debian-12', version: '20261124.1', targets: ['lab'], force: false },
        world.services,
        signal,
      );
    }
    expectAsBefore();
  }
  expect(seen).toContain('VM.set_is_a_template');
  expect(seen.filter((method) => method === 'VM.set_name_label')).toHaveLength(2);
});
