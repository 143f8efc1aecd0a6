import { createWriteStream } from 'node:fs';
import { mkdir, mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { withXapi, type VmRef } from '../../src/clients/xapi.ts';
import { xva } from '../../src/formats/index.ts';
import type { TargetResult } from '../../src/model/deploy.ts';
import type { Plan } from '../../src/model/plan.ts';
import type { StepContext } from '../../src/model/step.ts';
import { digestOfFile } from '../../src/util/digest.ts';
import { Scope } from '../../src/util/scope.ts';
import { type FakeXapi, startXapi } from '../fakes/xapi.ts';
import { needs } from '../tools.ts';
import { startGabarit } from './gabarit-process.ts';
import { machineTools, startOne } from './machine-bench.ts';

/** The whole way, as people go it, with real images: build, publish, deploy, a new version, roll back; and what lies in the pool boots. */
describe.skipIf(needs('openssl', ...machineTools))('from a definition to a pool and back', () => {
  let folder = '';
  let pool: FakeXapi;
  const cacheDir = process.env['GABARIT_CACHE'] ?? join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'gabarit');

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'whole-way-'));
    pool = await startXapi(join(folder, 'pool'));
  });
  afterAll(async () => {
    await pool.close();
    await rm(folder, { recursive: true, force: true });
  });

  /** Runs the real command line to its end, and returns its last line. */
  async function gabarit<T>(...args: string[]): Promise<T> {
    const env = {
      GABARIT_STATE: join(folder, 'state'),
      GABARIT_KEYS: join(folder, 'keys'),
      GABARIT_STORE: `file:${join(folder, 'store')}`,
      POOL_USER: 'root',
      POOL_PASSWORD: 'secret',
    };
    const process = startGabarit([...args, '--config', join(folder, 'gabarit.yaml')], {
      cacheDir,
      outputDir: join(folder, 'out'),
      env,
    });
    const code = await process.ended;
    expect(code, `${args.join(' ')}: ${JSON.stringify(process.lines.at(-1))} ${process.stderr.join('\n')}`).toBe(0);
    return process.lines.at(-1) as T;
  }

  test('build, publish, deploy, a new version, deploy, roll back; the imported disk boots to SSH', {
    timeout: 45 * 60_000,
  }, async () => {
    const { address, fingerprint } = pool.hosts[0] ?? { address: '', fingerprint: '' };
    const lab = {
      kind: 'xcp-ng',
      hosts: [address],
      user: 'env:POOL_USER',
      password: 'env:POOL_PASSWORD',
      fingerprints: [fingerprint],
      networks: ['Pool-wide network associated with eth0'],
      test: true,
    };
    await writeFile(join(folder, 'gabarit.yaml'), stringify({ targets: { lab } }));
    const definition = join(folder, 'web.yaml');
    const outputs: string[] = [];
    await gabarit('key', 'new');
    for (const motd of ['one', 'two']) {
      await writeFile(join(folder, 'motd'), `${motd}\n`);
      await writeFile(
        definition,
        stringify({
          name: 'web',
          extends: 'debian-12',
          platforms: ['kvm', 'xen'],
          formats: ['qcow2'],
          provisioning: [{ file: 'motd', to: '/etc/motd' }],
        }),
      );
      const built = await gabarit<{ results: { output: string; version: string }[] }>('build', definition);
      const output = built.results[0]?.output ?? '';
      outputs.push(output);
      await gabarit('publish', output, '--channel', 'stable');
      const { results } = await gabarit<{ results: TargetResult[] }>('deploy', 'web@stable', '--target', 'lab');
      expect(results).toMatchObject([{ outcome: 'deployed', deployment: { name: 'web', version: built.results[0]?.version } }]);
    }
    expect(outputs[0]).not.toBe(outputs[1]);
    const versions = outputs.map((output) => output.split('/').at(-1));
    const again = await gabarit<{ results: TargetResult[] }>('deploy', 'web@stable', '--target', 'lab');
    expect(again.results).toMatchObject([{ outcome: 'unchanged' }]);
    const back = await gabarit<{ results: TargetResult[] }>('rollback', 'web', '--target', 'lab');
    expect(back.results).toMatchObject([
      { outcome: 'promoted', deployment: { version: versions[0] }, replaced: { version: versions[1] } },
    ]);
    const listed = await gabarit<{ deployments: { version: string; state: string; name: string }[] }[]>('deployments', 'ls');
    expect(listed[0]?.deployments.map(({ version, state, name }) => [version, state, name])).toEqual([
      [versions[0], 'current', 'web'],
      [versions[1], 'retired', `web (${versions[1]})`],
    ]);
    expect([pool.sessions(), pool.db.all('task')]).toEqual([[], []]);

    // What the pool gives away again is a disk that boots.
    const vm = pool.db.all('VM').find(({ record }) => record['name_label'] === 'web')?.ref as VmRef;
    const exported = join(folder, 'web.xva');
    const credentials = async (): Promise<{ user: string; password: string }> => ({ user: 'root', password: 'secret' });
    await withXapi({ hosts: [address], credentials, trust: { fingerprints: [fingerprint] } }, (xapi) =>
      xapi.exportXva(vm, createWriteStream(exported)),
    );
    const disk = join(folder, 'web.raw');
    await writeRaw(exported, disk);
    expect(await digestOfFile(disk)).toBe(
      await digestOfFile(
        pool.diskPath(pool.db.get('VBD', (pool.db.get('VM', vm)['VBDs'] as string[])[0] ?? '')['VDI'] as string),
      ),
    );
    await using scope = new Scope();
    const workdir = join(folder, 'work');
    await mkdir(workdir);
    const plan = JSON.parse(await readFile(join(outputs[0] ?? '', 'plan.json'), 'utf8')) as Plan;
    const ctx: StepContext = {
      workdir,
      cacheDir,
      offline: true,
      force: false,
      signal: new AbortController().signal,
      scope,
      emit: () => undefined,
    };
    const image = { disk, format: 'raw' as const, plan };
    const machine = await startOne({ image, folder, ctx }, image, 'bios', true);
    const guest = await machine.login();
    expect(await guest.run('cat /etc/motd')).toMatchObject({ exitCode: 0, stdout: 'one\n' });
    await machine.stop();
  });
});

/** The disk of an XVA as a sparse raw file. */
async function writeRaw(from: string, to: string): Promise<void> {
  const source = await xva.open(from);
  await using file = await open(to, 'w');
  const step = 2 ** 20;
  try {
    await file.truncate(source.size);
    for (let offset = 0; offset < source.size; offset += step) {
      const bytes = await source.read(offset, Math.min(step, source.size - offset));
      if (bytes.some((byte) => byte !== 0)) await file.write(bytes, 0, bytes.length, offset);
    }
  } finally {
    await source.close();
  }
}
