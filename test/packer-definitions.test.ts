import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createApp } from '../src/app.ts';
import { builderNames } from '../src/cli/commands/packer.ts';
import { builders } from '../src/engines/packer/options.ts';
import { loadTemplate } from '../src/pipeline/load.ts';
import { AppError } from '../src/util/errors.ts';
import { distros, engine } from './packer-folders.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'packer-bad-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** The faults of a definition, each with its place: `file:line:column: message`. */
async function faultsOf(options: string, os = 'distro: debian\nrelease: bookworm'): Promise<string[]> {
  const file = join(folder, 'bad.yaml');
  await writeFile(file, `name: bad\nextends: base\ndescription: Bad\n${os}\nengine:\n  name: packer\n  options:\n${options}\n`);
  const now = new Date('2026-01-01');
  const error: unknown = await loadTemplate(file, {
    folders: [join(import.meta.dirname, '../templates')],
    distros,
    engines: [engine],
    now,
  }).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof AppError)) return [];
  return error.faults.map(
    ({ line, column, message, hint }) => `${line}:${column}: ${message}${hint === undefined ? '' : ` (${hint})`}`,
  );
}

test('options of a builder that are missing are told with their place, several at once', async () => {
  const faults = await faultsOf('    builder: vsphere-iso\n    datacenter: DC1');
  expect(faults).toHaveLength(4);
  for (const name of ['vcenterServer', 'username', 'cluster', 'datastore']) expect(faults.join('\n')).toContain(name);
  for (const fault of faults) expect(fault).toMatch(/^\d+:\d+: .*is missing/);
});

test('a builder that nobody knows, and an option that it has not', async () => {
  expect(await faultsOf('    builder: vagrant')).toEqual([expect.stringMatching(/^9:14: .*must be one of .*qemu/)]);
  expect(await faultsOf('    builder: qemu\n    datacenter: DC1')).toEqual([expect.stringMatching(/^10:5: .*datacenter/)]);
});

test('a secret is no part of a definition', async () => {
  const faults = await faultsOf('    builder: openstack\n    password: secret');
  expect(faults.join('\n')).toMatch(/10:5: .*password/);
});

test('a source without a proof, and one for a builder that takes none', async () => {
  const source = '    source:\n      url: https://mirror.example/debian.qcow2';
  expect((await faultsOf(`    builder: qemu\n${source}`)).join('\n')).toContain('needs a digest, or a signed file of digests');
  const ami = '    builder: amazon-ebs\n    region: r\n    sourceAmiOwner: o\n    sourceAmiName: n';
  expect((await faultsOf(`${ami}\n${source}\n      digest: sha256:${'0'.repeat(64)}`)).join('\n')).toContain(
    'amazon-ebs begins with an image that the platform has',
  );
});

test('what an installer would ask, and a system without a medium for all, are found before anything is planned', async () => {
  const xen = '    builder: xenserver-iso\n    remoteHost: h\n    srName: s\n    srIsoName: i';
  expect((await faultsOf(xen, 'distro: rocky\nrelease: "9"\nplatforms: [xen]')).join('\n')).toMatch(
    /Anaconda would ask how to partition/,
  );
  expect((await faultsOf(xen, 'distro: rhel\nrelease: "9"\nplatforms: [xen]\ndisk: { size: 6GiB }')).join('\n')).toMatch(
    /no installation medium that everybody may fetch/,
  );
});

test('a machine that the template is not for, by its platform or its firmware', async () => {
  const own = '    source: { url: "file:///srv/own", digest: "sha256:' + '0'.repeat(64) + '" }';
  const os = (more: string): string => `distro: debian\nrelease: bookworm\n${more}`;
  const xen = `    builder: xenserver-iso\n    remoteHost: h\n    srName: s\n    srIsoName: i\n${own}`;
  expect(await faultsOf(xen, os('platforms: [kvm, vmware]'))).toEqual([
    expect.stringMatching(/^6:12: platforms.*xenserver-iso makes machines of Xen.*Add xen to the platforms/),
  ]);
  expect(await faultsOf(`    builder: qemu\n${own}`, os('disk: { firmware: uefi }'))).toEqual([
    expect.stringMatching(/^6:19: disk\.firmware.*starts its machine by BIOS.*cloud-image/),
  ]);
});

test('two definitions of the same name are not built together', async () => {
  const app = await createApp({ cacheDir: join(folder, 'cache') });
  const request = { force: false, jobs: 2, checkReproducible: false, verify: false, offline: true, outputDir: folder };
  const templates = [join(folder, 'a/web.yaml'), join(folder, 'b/web.yaml')];
  await expect(app.build({ ...request, templates }, new AbortController().signal)).rejects.toMatchObject({
    code: 'USAGE',
    message: expect.stringContaining('2 definitions have the name web') as string,
  });
});

test('an exported folder is whole, or is not there; one that is there is left alone', async () => {
  const app = await createApp({ cacheDir: join(folder, 'cache') });
  const signal = new AbortController().signal;
  const to = join(folder, 'exported');
  const wish = { builder: 'amazon-ebs', dialect: 'current' as const, folder: to, offline: true, allowEndOfLife: false };
  const { files } = await app.exportPacker('debian-12', wish, signal);
  expect(await readdir(to)).toEqual(
    expect.arrayContaining(['README.md', 'build.pkr.json', 'prepare.sh', 'scripts', 'variables.pkr.json']),
  );
  expect(files).toContain('scripts/01-base.sh');
  await expect(app.exportPacker('debian-12', wish, signal)).rejects.toMatchObject({ code: 'CONFLICT' });
  const other = join(folder, 'other');
  await expect(app.exportPacker('debian-12', { ...wish, builder: 'qemu', folder: other }, signal)).rejects.toBeInstanceOf(
    AppError,
  );
  expect((await readdir(folder)).filter((name) => name.startsWith('other'))).toEqual([]);
});

test('the command line knows every builder', () => {
  expect(builderNames.toSorted()).toEqual(builders.map(({ id }) => id).toSorted());
});
