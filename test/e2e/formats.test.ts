import { mkdtemp, rm, stat } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type App, createApp } from '../../src/app.ts';
import type { BuildResult } from '../../src/model/build.ts';
import { exec } from '../../src/util/exec.ts';
import { needs } from '../tools.ts';

const formats = ['qcow2', 'vhd', 'vmdk', 'ova', 'xva'];
const files: Record<string, string> = Object.fromEntries(formats.map((id) => [id, `disk.${id}`]));
/** What QEMU calls those that it reads. */
const qemuNames: Record<string, string> = { qcow2: 'qcow2', vhd: 'vpc', vmdk: 'vmdk' };
const signal = new AbortController().signal;

describe.skipIf(needs('qemu-img', 'sfdisk', 'e2fsck'))('one build of a real system in every format', () => {
  let folder = '';
  let app: App;
  let built: BuildResult;
  const reference = (): string => join(folder, 'reference.raw');
  const path = (id: string): string => join(built.output ?? '', files[id] ?? '');

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'formats-'));
    const shared = process.env['GABARIT_CACHE'] ?? join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'gabarit');
    app = await createApp({ cacheDir: shared });
    const request = {
      force: false,
      jobs: 1,
      checkReproducible: false,
      verify: false,
      offline: false,
      outputDir: join(folder, 'out'),
    };
    const [result] = await app.build({ ...request, templates: ['debian-12-minimal'], formats }, signal);
    if (result?.output === undefined) throw result?.error ?? new Error('nothing was built');
    built = result;
    await exec(['qemu-img', 'convert', '-f', 'qcow2', '-O', 'raw', path('qcow2'), reference()]);
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  test('yields a file of each', () => {
    expect(built.artifacts.map(({ name }) => name)).toEqual(Object.values(files));
    for (const { name, size } of built.artifacts) expect(size, name).toBeGreaterThan(50 * 2 ** 20);
  });

  test('has a root file system in which e2fsck finds no fault', async () => {
    const { stdout } = await exec(['sfdisk', '--json', reference()]);
    const { partitiontable } = JSON.parse(stdout) as { partitiontable: { partitions: { name: string; start: number }[] } };
    const root = partitiontable.partitions.find(({ name }) => name === 'root');
    await exec(['e2fsck', '-f', '-n', `${reference()}?offset=${(root?.start ?? 0) * 512}`]);
    // What systemd-fsck-root runs at each boot: if it repaired anything, the machine would be started again.
    const copy = join(folder, 'copy.raw');
    await exec(['cp', '--sparse=always', reference(), copy]);
    const preened = await exec(['e2fsck', '-p', `${copy}?offset=${(root?.start ?? 0) * 512}`]);
    expect(preened.stdout).toMatch(/: clean, /);
  });

  test.each(formats)('%s converts back to the same bytes, and tells what is in it', async (id) => {
    const back = join(folder, 'back.raw');
    const done = await app.convert(
      { source: path(id), to: 'raw', out: back, choices: {}, disk: 0, force: true, machine: {} },
      signal,
    );
    expect(done.from).toBe(id);
    await exec(['qemu-img', 'compare', '-f', 'raw', '-F', 'raw', reference(), back]);
    expect((await stat(back)).size).toBe((await stat(reference())).size);
    const qemu = qemuNames[id];
    if (qemu !== undefined) await exec(['qemu-img', 'compare', '-f', 'raw', '-F', qemu, reference(), path(id)]);

    const found = await app.inspect(path(id), {}, signal);
    expect(found).toMatchObject({
      format: id,
      disks: [
        {
          table: 'gpt',
          firmware: ['bios', 'uefi'],
          remarks: [],
          system: { distro: 'debian', family: 'debian', release: '12', codename: 'bookworm', arch: 'amd64', partition: 1 },
        },
      ],
    });
    const [disk] = found.disks;
    expect(disk?.system?.kernels).toHaveLength(1);
    expect(disk?.system?.cloudInit).toMatch(/^22\./);
    if (id === 'xva' || id === 'ova') {
      expect(found.facts).toMatchObject({ name: 'debian-12-minimal', firmware: 'bios', cpus: 2 });
      expect(found.checksums?.checked).toBeGreaterThan(1);
    }
  });

  test('tells a version on the machines, and does nothing again', async () => {
    const { facts } = await app.inspect(path('xva'), {}, signal);
    expect(facts['tags']).toBe(`gabarit, gabarit:debian-12-minimal, gabarit:debian-12-minimal:${built.version ?? ''}`);
    expect((await app.inspect(path('ova'), {}, signal)).facts['version']).toBe(built.version);
    const request = {
      force: false,
      jobs: 1,
      checkReproducible: false,
      verify: false,
      offline: true,
      outputDir: join(folder, 'out'),
    };
    const [again] = await app.build({ ...request, templates: ['debian-12-minimal'], formats }, signal);
    expect(again).toMatchObject({ outcome: 'unchanged', version: built.version });
  });
});
