import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import { stringify } from 'yaml';
import { removeDeployments, sweepTargets } from '../../src/pipeline/deploy.ts';
import { type DeployWorld, deployWorld } from '../deploy-world.ts';
import { publishSigned } from './publish-signed.ts';
import { type GabaritProcess, startGabarit, stillAlive } from './gabarit-process.ts';

const { signal } = new AbortController();

/** What one killed deployer led to. */
export interface Killed {
  /** What it was about to do: a call, or a block of the disk. */
  at: string;
  /** Whether the pool still did that. */
  done: boolean;
  /** The new version had been decided on. */
  decided: boolean;
}

type Records = Record<string, unknown>;

/** A pool with things of other people on it, which look as much like ours as they can. */
async function foreignObjects(world: DeployWorld): Promise<() => Records> {
  const { db } = world.pool;
  const sr = db.all('SR')[0]?.ref ?? '';
  const own = db.all('VM').find(({ record }) => record['name_label'] === 'debian-12');
  const marked = { ...(own?.record['other_config'] as Record<string, string>), 'gabarit:run': 'aaaaaaaaaaaa' };
  const disk = db.create('VDI', { name_label: 'debian-12', SR: sr, virtual_size: '1048576', other_config: marked });
  const copy = db.create('VM', { name_label: 'web-1', other_config: marked });
  db.create('VBD', { VM: copy, VDI: disk, userdevice: '0', type: 'Disk' });
  db.create('VM', { name_label: 'debian-12 (20261124.1)', is_a_template: true });
  db.create('VM', { name_label: 'debian-12', other_config: marked });
  db.create('VM', { name_label: 'Debian Bookworm 12', is_a_template: true, is_default_template: true });
  db.create('VDI', { name_label: 'data', SR: sr, virtual_size: '1048576' });
  db.create('task', { name_label: 'VM.clone', status: 'pending' });
  db.create('task', { name_label: 'Gabarit: of somebody else', status: 'pending', other_config: {} });
  const refs = (['VM', 'VDI', 'VBD', 'task', 'network', 'SR'] as const).flatMap((name) =>
    db
      .all(name)
      .flatMap(({ ref }) => (ref === own?.ref || (name !== 'SR' && isOwnPart(world, name, ref)) ? [] : [[name, ref] as const])),
  );
  // The room that is left in a storage changes with every disk.
  return () =>
    Object.fromEntries(
      refs.map(([name, ref]) => {
        const {
          physical_utilisation: _1,
          virtual_allocation: _2,
          VDIs: _3,
          VIFs: _4,
          ...record
        } = db.has(name, ref) ? (structuredClone(db.get(name, ref)) as Records) : { gone: true };
        return [`${name} ${ref}`, record];
      }),
    );
}

/** Disks and drives of what was deployed before anything foreign came. */
function isOwnPart({ pool: { db } }: DeployWorld, name: string, ref: string): boolean {
  const own = db.all('VM').find(({ record }) => record['name_label'] === 'debian-12' && record['is_a_template'] === true);
  const vbds = (own?.record['VBDs'] ?? []) as string[];
  return vbds.includes(ref) || (name === 'VDI' && vbds.some((vbd) => db.get('VBD', vbd)['VDI'] === ref));
}

/**
 * Kills a deployer with SIGKILL at random points, `times` times: each time a process of its own, between one call to the pool and the
 * next, or in the middle of the disk. After each, the janitor must find everything that was left, and nothing else.
 */
export async function killDeployers(times: number): Promise<Killed[]> {
  await using world = await deployWorld();
  const env = {
    NODE_COMPILE_CACHE: join(world.folder, 'compile'),
    GABARIT_STATE: world.services.stateDir,
    GABARIT_KEYS: join(world.folder, 'keys'),
    POOL_USER: 'root',
    POOL_PASSWORD: 'secret',
  };
  const configFile = join(world.folder, 'gabarit.yaml');
  const { address, fingerprint } = world.pool.hosts[0] ?? { address: '', fingerprint: '' };
  const settings = {
    kind: 'xcp-ng',
    hosts: [address],
    user: 'env:POOL_USER',
    password: 'env:POOL_PASSWORD',
    fingerprints: [fingerprint],
    networks: ['Pool-wide network associated with eth0'],
    test: true,
    keep: 0,
  };
  await writeFile(configFile, stringify({ targets: { lab: settings } }));
  await mkdir(join(world.folder, 'cache'), { recursive: true });
  const run = (version: string): GabaritProcess =>
    startGabarit(
      [
        'deploy',
        `debian-12@${version}`,
        '--target',
        'lab',
        '--store',
        `file:${join(world.folder, 'store')}`,
        '--config',
        configFile,
      ],
      {
        cacheDir: join(world.folder, 'cache'),
        outputDir: join(world.folder, 'out'),
        env,
      },
    );
  const versions = ['20261123.1', '20261124.1'];
  await publishSigned(world, versions, env);
  expect(await run('20261123.1').ended).toBe(0);
  const foreign = await foreignObjects(world);
  const before = foreign();

  // How many points there are: each call, and each block of the disk.
  let points: string[] = [];
  const count = (point: string): void => void points.push(point);
  world.pool.faults.beforeCall = (method) => count(method);
  world.pool.faults.onImportBlock = () => count('block');
  expect(await run('20261124.1').ended).toBe(0);
  const total = points.length;
  let current = '20261124.1';
  const results: Killed[] = [];

  for (let turn = 0; turn < times; turn += 1) {
    const wanted = versions.find((version) => version !== current) ?? '';
    const at = Math.floor(Math.random() * total);
    const done = Math.random() < 0.5;
    let child: GabaritProcess | undefined;
    let killedAt = '';
    points = [];
    const point = async (name: string): Promise<void> => {
      count(name);
      if (killedAt !== '' || points.length - 1 < at) return;
      killedAt = name;
      child?.kill('SIGKILL');
      await child?.ended;
      if (!done && name !== 'block') throw new Error('nobody asks any more');
    };
    world.pool.faults.beforeCall = point;
    world.pool.faults.onImportBlock = () => point('block');
    child = run(wanted);
    const ended = await child.ended;
    world.pool.faults.beforeCall = undefined;
    world.pool.faults.onImportBlock = undefined;
    const what = `turn ${turn}: killed at point ${at} of ${total}, ${killedAt}, ${done ? 'which was done' : 'which was not done'}`;
    // The number of points differs a little from run to run: this one may have ended before.
    expect(ended, what).toBe(killedAt === '' ? 0 : 'SIGKILL');
    expect(await stillAlive(world.services.stateDir), what).toEqual([]);

    const [swept] = await sweepTargets(['lab'], world.services, signal);
    expect(swept?.error, what).toBeUndefined();
    expect(foreign(), what).toEqual(before);
    const versionNow = versionOfCurrent(world);
    expect(versions, what).toContain(versionNow);
    const left = world.left();
    const decided = versionNow === wanted;
    const retired = left.templates.filter((name) => name === `debian-12 (${current})`).length;
    expect(retired, what).toBeLessThanOrEqual(decided ? 1 : 0);
    const foreignDisks = 2;
    expect({ ...left, sessions: 0 }, what).toEqual({
      templates: ['debian-12', ...(retired > 0 ? [`debian-12 (${current})`] : [])],
      // The copies of other people, which bear our marks.
      machines: ['debian-12', 'web-1'],
      disks: 1 + retired + foreignDisks,
      tasks: 2,
      sessions: 0,
      ownKeys: [],
    });
    // A log-in whose answer nobody received has no name that anybody knows: the pool ends it itself.
    expect(left.sessions, what).toBe(killedAt === 'session.login_with_password' && done ? 1 : 0);
    world.pool.expireSessions();
    expect(await readdir(join(world.services.stateDir, 'deployments/lab')), what).toEqual(['.lock']);
    results.push({ at: killedAt, done, decided });
    if (retired > 0) {
      const request = { template: 'debian-12', version: current, targets: ['lab'], force: false };
      expect((await removeDeployments(request, world.services, signal))[0]?.error, what).toBeUndefined();
    }
    current = versionNow;
  }
  return results;
}

function versionOfCurrent({ pool: { db } }: DeployWorld): string {
  const current = db.all('VM').filter(({ record }) => record['name_label'] === 'debian-12' && record['is_a_template'] === true);
  expect(current).toHaveLength(1);
  const config = (current[0]?.record['other_config'] ?? {}) as Record<string, string>;
  return config['gabarit:version'] ?? '';
}
