import { join } from 'node:path';
import { expect, test } from 'vitest';
import { appErrorOf, distro, folderOf, now } from '../../test/definitions/folder.ts';
import { loadTemplate } from './load.ts';

const script = '#!/bin/sh\n';
const base = `name: base
abstract: true
distro: debian
release: 13
platforms: [kvm, xen]
disk: { size: 4GiB, firmware: uefi }
packages:
  add: [vim, htop, nano]
  remove: [less]
provisioning:
  - script: a.sh
  - step: ssh
    with: { port: 22, forwarding: tcp }
repositories:
  - { name: one, uri: "https://packages.example/", suite: x, key: one.asc }
`;
const armour = '-----BEGIN PGP PUBLIC KEY BLOCK-----';

const folders = (...all: Record<string, string>[]) => all.map((files) => folderOf(files));
const load = (name: string, where: string[]) => loadTemplate(name, { folders: where, distros: [distro], now });

test('maps are merged, values and lists replaced, additions appended', async () => {
  const child = `name: t
extends: base
platforms: [kvm]
disk: { size: 8GiB }
packages: { add: [nginx, less], remove: [nano] }
provisioning:
  - { file: f, to: /etc/f }
  - { step: ssh, with: { port: 2222 } }
repositories:
  - { name: two, uri: "https://packages.example/", suite: y, key: one.asc }
`;
  const [folder = ''] = folders({ 't.yaml': child, 'base.yaml': base, 'a.sh': script, f: '', 'one.asc': armour });
  const { template, files, placeOf } = await load('t', [folder]);
  expect(template.abstract).toBeUndefined();
  expect(template.platforms).toEqual(['kvm']);
  expect(template.disk).toMatchObject({ size: 8 * 2 ** 30, firmware: 'uefi' });
  // What the child removes is not added, and what it adds is not removed.
  expect(template.packages).toMatchObject({ add: ['vim', 'htop', 'nginx', 'less'], remove: ['nano'] });
  // The child's parameters of a step go over its parent's, where that stands.
  expect(template.provisioning).toEqual([
    { script: 'a.sh', environment: {}, network: false },
    { step: 'ssh', enabled: true, with: { port: 2222, forwarding: 'tcp' } },
    { file: 'f', to: '/etc/f', mode: '0644', owner: 'root:root' },
  ]);
  expect(template.repositories.map(({ name }) => name)).toEqual(['one', 'two']);
  expect(files).toEqual([join(folder, 't.yaml'), join(folder, 'base.yaml')]);
  expect(placeOf(['disk', 'firmware'])).toEqual({ file: join(folder, 'base.yaml'), line: 6, column: 31 });
  expect(placeOf(['disk', 'size'])).toEqual({ file: join(folder, 't.yaml'), line: 4, column: 15 });
});

test('a path counts from the folder of the file that it is written in', async () => {
  const [mine = '', shipped = ''] = folders(
    { 't.yaml': 'name: t\nextends: base\nprovisioning:\n  - script: b.sh\n', 'b.sh': script },
    { 'base.yaml': base, 'a.sh': script, 'one.asc': armour },
  );
  const { localFile } = await load('t', [mine, shipped]);
  expect(localFile(['provisioning', 0, 'script'])).toBe(join(shipped, 'a.sh'));
  expect(localFile(['provisioning', 2, 'script'])).toBe(join(mine, 'b.sh'));
});

test('a definition may take the place of the shipped one of its name, and extend it', async () => {
  const [mine = '', shipped = ''] = folders(
    { 't.yaml': 'name: t\nextends: t\ntimezone: Asia/Tokyo\n' },
    { 't.yaml': 'name: t\ndistro: debian\nrelease: 13\nlocale: fr_FR.UTF-8\n' },
  );
  expect((await load('t', [mine, shipped])).template).toMatchObject({ timezone: 'Asia/Tokyo', locale: 'fr_FR.UTF-8' });
});

test('eight templates may extend each other, nine parents are too many', async () => {
  const chain = (parents: number) => {
    const files: Record<string, string> = { [`n${parents}.yaml`]: `name: n${parents}\ndistro: debian\nrelease: 13\n` };
    for (let n = 0; n < parents; n += 1) files[`n${n}.yaml`] = `name: n${n}\nextends: n${n + 1}\n`;
    return folderOf(files);
  };
  expect((await load('n0', [chain(8)])).files).toHaveLength(9);
  const folder = chain(9);
  const { faults } = await appErrorOf(load('n0', [folder]));
  expect(faults).toEqual([
    { file: join(folder, 'n8.yaml'), line: 2, column: 10, message: 'extends: more than 8 templates extend each other' },
  ]);
});
