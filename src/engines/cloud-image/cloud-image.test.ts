import { mkdtemp, open, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { needs } from '../../../test/tools.ts';
import { debian, rhel, rocky } from '../../distros/index.ts';
import { findRelease } from '../../model/distro.ts';
import { type Refusal, refusalsOf } from '../../model/engine.ts';
import type { MachineHost } from '../../model/machine.ts';
import { type TemplateInput, templateSchema } from '../../model/template.ts';
import { exec } from '../../util/exec.ts';
import { fetchMedium } from '../shared/media/fetch-medium.ts';
import { packageScript } from '../shared/install-packages.ts';
import { installerEngine } from '../installer/index.ts';
import { cloudImageEngine } from './index.ts';
import { makeOverlay } from './overlay.ts';
import { buildSeed } from './seed.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cloud-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const signal = new AbortController().signal;
const distros = [debian, rhel, rocky];
const machines = {} as MachineHost;
const engines = {
  'cloud-image': cloudImageEngine({ distros, machines }),
  installer: installerEngine({ distros, machines, mirrors: async () => ({}) }),
};

function refusals(engine: 'cloud-image' | 'installer', input: Partial<TemplateInput>): Refusal[] {
  const template = templateSchema.parse({
    name: 't',
    distro: 'debian',
    release: '12',
    disk: { size: '10GiB' },
    engine: { name: engine },
    ...input,
  });
  const distro = distros.find(({ id }) => id === template.distro);
  const release = distro && findRelease(distro, template.release);
  if (!distro || !release) throw new Error('unknown');
  return refusalsOf(engines[engine], { template, distro, release });
}

describe('is refused when the definition is read', () => {
  const source = { url: 'https://mirror.example/rhel.qcow2', digest: `sha256:${'0'.repeat(64)}` };

  test.each(['cloud-image', 'installer'] as const)('%s: RHEL without a source of its own; with one it is not', (engine) => {
    const [refusal] = refusals(engine, { distro: 'rhel', release: '9' });
    expect(refusal?.path).toEqual(['engine', 'options']);
    expect(refusal?.hint).toMatch(/subscription/);
    expect(refusals(engine, { distro: 'rhel', release: '9', engine: { name: engine, options: { source } } })).toEqual([]);
  });

  test.each(['cloud-image', 'installer'] as const)('%s: packages as they were at a time', (engine) => {
    const chosen = { name: engine, options: { source } };
    expect(refusals(engine, { engine: chosen, snapshot: '20261101T000000Z' })).toEqual([
      expect.objectContaining({ path: ['snapshot'], message: expect.stringContaining('as they are when it builds') as string }),
    ]);
    const repositories = [{ name: 'v', uri: 'https://mirror.example/', suite: 's', key: 'k.asc' }];
    expect(refusals(engine, { engine: chosen, repositories })).toEqual([]);
  });

  test("cloud-image: a vendor's image that nothing proves, or that could not be checked", () => {
    expect(refusals('cloud-image', {})).toEqual([
      expect.objectContaining({ path: ['engine', 'options'], message: expect.stringContaining('cannot be proven') as string }),
    ]);
    expect(refusals('cloud-image', { distro: 'rocky', release: '9' }).map(({ path }) => path.join('.'))).toEqual([
      'engine.options',
      'engine.name',
    ]);
    expect(
      refusals('cloud-image', { distro: 'rocky', release: '9', engine: { name: 'cloud-image', options: { source } } }),
    ).toEqual([]);
  });

  test('installer: what it would ask, all at once', () => {
    expect(refusals('installer', { locale: 'eo', disk: { size: '1GiB' } }).map(({ path }) => path.join('.'))).toEqual([
      'locale',
      'disk.size',
    ]);
  });
});

describe.skipIf(needs('qemu-img'))('the overlay over an image', () => {
  const make = (image: string, size = 64 * 2 ** 20): Promise<void> => makeOverlay(image, join(folder, 'overlay'), size, signal);

  test('has the wanted size, whatever the format of the image', async () => {
    for (const format of ['raw', 'qcow2']) {
      const image = join(folder, `image.${format}.img`);
      await exec(['qemu-img', 'create', '-q', '-f', format, image, '32M']);
      await make(image);
      const { stdout } = await exec(['qemu-img', 'info', '--output=json', join(folder, 'overlay')]);
      expect(JSON.parse(stdout)).toMatchObject({
        'virtual-size': 64 * 2 ** 20,
        'backing-filename-format': format,
        // A block of the file system: no more is freed at once.
        'cluster-size': 4096,
      });
    }
  });

  // qemu-io comes with qemu-img.
  test('gives back a single block that the machine frees: nothing of the image stays in it', async () => {
    const image = join(folder, 'image.raw');
    await writeFile(image, Buffer.alloc(2 ** 18, 'A'));
    await make(image, 2 ** 20);
    const overlay = `driver=qcow2,file.filename=${join(folder, 'overlay')},discard=unmap`;
    await exec(['qemu-io', '--image-opts', overlay, '-c', 'discard 8192 4096']);
    const disk = join(folder, 'disk.raw');
    await exec(['qemu-img', 'convert', '-f', 'qcow2', '-O', 'raw', join(folder, 'overlay'), disk]);
    const bytes = await readFile(disk);
    expect(bytes.subarray(8192, 12_288).equals(Buffer.alloc(4096))).toBe(true);
    expect(bytes.subarray(0, 8192).equals(Buffer.alloc(8192, 'A'))).toBe(true);
  });

  test('an image that leads to other files of this host is refused', async () => {
    const image = join(folder, 'image');
    await writeFile(join(folder, 'secret'), 'x'.repeat(2 ** 20));
    await exec(['qemu-img', 'create', '-q', '-f', 'qcow2', '-F', 'raw', '-b', join(folder, 'secret'), image, '32M']);
    await expect(make(image)).rejects.toMatchObject({
      code: 'IMAGE_INVALID',
      message: expect.stringContaining('its data lie in') as string,
    });
    expect(await readdir(folder)).not.toContain('overlay');
  });

  test('an image larger than the disk is refused with both sizes', async () => {
    const image = join(folder, 'image');
    await exec(['qemu-img', 'create', '-q', '-f', 'qcow2', image, '1G']);
    await expect(make(image)).rejects.toThrow(/The cloud image has 1\.00 GiB, the template's disk only 64\.0 MiB/);
  });

  test('a broken image is refused', async () => {
    const image = join(folder, 'image');
    await writeFile(image, Buffer.concat([Buffer.from('QFI\u00fb', 'latin1'), Buffer.alloc(512, 0xff)]));
    await expect(make(image)).rejects.toMatchObject({ code: 'IMAGE_INVALID' });
  });
});

describe('a download that breaks off', () => {
  let server: Server;
  beforeEach(async () => {
    server = createServer((_, response) => {
      response.writeHead(200, { 'content-length': '1000000' });
      response.write(Buffer.alloc(1000));
      setTimeout(() => response.destroy(), 20);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });
  afterEach(() => new Promise((resolve) => server.close(resolve)));

  test('is tried again, then refused, and nothing of it is left', async () => {
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/image.qcow2`;
    const medium = { kind: 'image' as const, url, digest: `sha256:${'0'.repeat(64)}` };
    const cacheDir = join(folder, 'cache');
    await expect(fetchMedium(medium, { cacheDir, offline: false, signal, emit: () => undefined })).rejects.toMatchObject({
      code: 'MIRROR_UNREACHABLE',
    });
    expect((await readdir(join(cacheDir, 'media'))).filter((name) => !name.endsWith('.lock'))).toEqual([]);
  });
});

test('the seed lets root in by its key, and makes no user', async () => {
  const seed = buildSeed('ssh-ed25519 AAAA build', 'i-1').toString('latin1');
  const text = seed.slice(seed.indexOf('#cloud-config'), seed.indexOf('\0', seed.indexOf('#cloud-config')));
  expect(parse(text)).toMatchObject({
    users: [],
    disable_root: false,
    ssh_pwauth: false,
    ssh_authorized_keys: ['ssh-ed25519 AAAA build'],
  });
});

describe.skipIf(needs('shellcheck', 'dpkg-query'))('the script that installs packages', () => {
  test.each(['apt', 'dnf', 'zypper'] as const)('%s: is sound', async (family) => {
    const path = join(folder, 'script.sh');
    await writeFile(path, `#!/bin/sh\n${packageScript(family, ['a', 'b-c'], ['d'])}`);
    await exec(['shellcheck', path]);
  });

  test('adds the repository of others before what comes from it', () => {
    const lines = packageScript('dnf', ['epel-release', 'a', 'b'], []).split('\n');
    expect(lines.filter((line) => line.startsWith('set -- '))).toEqual(["set -- 'epel-release'", "set -- 'a' 'b'"]);
  });

  test('asks no mirror when everything is there', async () => {
    const path = join(folder, 'script.sh');
    await writeFile(path, packageScript('apt', ['dpkg', 'coreutils'], ['no-such-package']));
    const bin = join(folder, 'apt-get');
    await using file = await open(bin, 'w', 0o755);
    await file.writeFile('#!/bin/sh\necho called >&2\nexit 9\n');
    await file.close();
    const { stdout, stderr } = await exec(['sh', path], { env: { PATH: `${folder}:/usr/bin:/bin` } });
    expect(stdout + stderr).toBe('');
    await writeFile(path, packageScript('apt', ['dpkg', 'no-such-package'], []));
    await expect(exec(['sh', path], { env: { PATH: `${folder}:/usr/bin:/bin` } })).rejects.toMatchObject({
      details: { exitCode: 9 },
    });
  });
});
