import { join } from 'node:path';
import { expect, test } from 'vitest';
import { distro, folderOf, now } from '../../test/definitions/folder.ts';
import { listTemplates } from './list-templates.ts';

test('lists each name once, bases not at all, and broken ones with what is wrong', async () => {
  const mine = folderOf({
    'b.yaml': 'name: b\nextends: base\nkernal: cloud\nplatfroms: []\n',
    'notes.txt': '',
    '.b.yaml.swp': '',
    'README.md': '',
    'sub/x.yaml': '',
  });
  const shipped = folderOf({
    'base.yaml': 'name: base\nabstract: true\ndistro: debian\n',
    'a.yaml': 'name: a\nextends: base\nrelease: 13\ndescription: The first\n',
    'b.yaml': 'name: b\nextends: base\nrelease: 13\n',
    'c.yaml': '',
  });
  const list = await listTemplates({ folders: [mine, shipped, join(mine, 'none')], distros: [distro], now });
  expect(list.map(({ name, file, error }) => [name, file, error])).toEqual([
    ['a', join(shipped, 'a.yaml'), undefined],
    ['b', join(mine, 'b.yaml'), `${join(mine, 'b.yaml')}:1:1: release: is missing (and 2 more)`],
    ['c', join(shipped, 'c.yaml'), `${join(shipped, 'c.yaml')}:1:1: is empty`],
  ]);
  expect(list[0]).toMatchObject({
    description: 'The first',
    distro: 'debian',
    release: '13',
    os: 'Debian 13 "trixie"',
    platforms: ['kvm', 'xen', 'vmware'],
    formats: ['qcow2'],
  });
});
