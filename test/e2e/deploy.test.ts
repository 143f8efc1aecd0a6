import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { exec, type ExecResult } from '../../src/util/exec.ts';
import { type DeployWorld, deployWorld } from '../deploy-world.ts';
import { needs } from '../tools.ts';
import { publishSigned } from './publish-signed.ts';

/** The real command line against a pool over TLS, with small images. With real ones: deploy-whole-way.slow.test.ts. */
describe.skipIf(needs('openssl'))('the command line', () => {
  let world: DeployWorld;
  beforeEach(async () => {
    world = await deployWorld();
  });
  afterEach(() => world[Symbol.asyncDispose]());

  const main = join(import.meta.dirname, '../../src/cli/main.ts');
  const environment = (): Record<string, string> => ({
    NODE_COMPILE_CACHE: join(world.folder, 'compile'),
    GABARIT_STATE: join(world.folder, 'state'),
    GABARIT_CACHE: join(world.folder, 'cache'),
    GABARIT_KEYS: join(world.folder, 'keys'),
    GABARIT_STORE: `file:${join(world.folder, 'store')}`,
    POOL_USER: 'root',
    POOL_PASSWORD: 'secret-of-the-pool',
  });
  const gabarit = (...args: string[]): Promise<ExecResult> =>
    exec(
      [process.execPath, '--disable-warning=ExperimentalWarning', main, ...args, '--config', join(world.folder, 'gabarit.yaml')],
      {
        okExitCodes: [0, 7],
        env: environment(),
      },
    );

  test('deploys, lists, rolls back and removes; no secret is said or kept', async () => {
    await using strict = await deployWorld({ users: [{ name: 'root', password: 'secret-of-the-pool', role: 'pool-admin' }] });
    const target = { kind: 'xcp-ng', user: 'env:POOL_USER', password: 'env:POOL_PASSWORD' };
    const targets = {
      lab: { ...target, hosts: strict.pool.hosts[0]?.address, fingerprints: strict.pool.hosts[0]?.fingerprint },
      gone: { ...target, hosts: '127.0.0.1:9' },
    };
    await writeFile(join(world.folder, 'gabarit.yaml'), stringify({ targets }));
    await publishSigned(world, ['20261123.1', '20261124.1'], environment());

    const first = await gabarit('deploy', 'debian-12@20261123.1', '--target', 'lab', '--target', 'gone', '-v');
    expect(first.exitCode, first.stderr).toBe(7);
    expect(first.stdout).toMatch(/\nlab: debian-12 20261123\.1 deployed in .* \(5\.\d+ MiB sent\)\n/);
    expect(first.stderr).toContain('\ngone\nerror: 127.0.0.1:9 cannot be reached');
    const second = await gabarit('deploy', 'debian-12', '--target', 'lab');
    expect(second.stdout).toContain('20261123.1 is kept: gabarit rollback debian-12 --target lab\n');
    const back = await gabarit('rollback', 'debian-12', '--target', 'lab');
    expect(back).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('20261123.1 is current again') as string });
    const list = await gabarit('deployments', 'ls', '--target', 'lab', '--store', `file:${join(world.folder, 'store')}`);
    expect(list.stdout.split('\n').map((line) => line.split(/ {2,}/).slice(1, 5))).toEqual([
      ['TEMPLATE', 'VERSION', 'STATE', 'CALLED'],
      ['debian-12', '20261123.1', 'current', 'debian-12'],
      ['debian-12', '20261124.1', 'retired', 'debian-12 (20261124.1)'],
      [],
    ]);
    const removed = await gabarit('deployments', 'rm', 'debian-12@20261124.1', '--target', 'lab');
    expect(removed.stdout).toBe('\nlab: debian-12 20261124.1 was removed\n');
    expect(strict.left()).toEqual({ templates: ['debian-12'], machines: [], disks: 1, tasks: 0, sessions: 0, ownKeys: [] });

    const said = [first, second, back, list, removed].map(({ stdout, stderr }) => stdout + stderr).join('');
    expect(said).not.toContain('secret-of-the-pool');
    expect(said).not.toContain('OpaqueRef');
    await expect(exec(['grep', '-rl', 'secret-of-the-pool', join(world.folder, 'state')])).rejects.toMatchObject({
      code: 'COMMAND_FAILED',
    });
    for (const { target: path } of strict.pool.log) expect(path ?? '').not.toContain('secret-of-the-pool');
  });
});
