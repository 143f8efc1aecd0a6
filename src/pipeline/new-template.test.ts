import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { appErrorOf, distro, folderOf, now } from '../../test/definitions/folder.ts';
import { loadTemplate } from './load.ts';
import { newTemplate } from './new-template.ts';

const shipped = () => folderOf({ 'debian-13.yaml': 'name: debian-13\ndistro: debian\nrelease: 13\n' });

test.each(['web-server', '007', 'true', '1e3'])('what it writes for %s can be loaded', async (name) => {
  const [folder, folders] = [join(folderOf({}), 'mine'), [shipped()]];
  const path = await newTemplate({ name, from: 'debian-13', folder, folders });
  expect(path).toBe(join(folder, `${name}.yaml`));
  const { template } = await loadTemplate(name, { folders: [folder, ...folders], distros: [distro], now });
  expect(template).toMatchObject({ name, extends: 'debian-13', release: '13' });
  expect(readdirSync(folder)).toEqual([`${name}.yaml`]);
});

test('its commented examples are good too', async () => {
  const [folder, folders] = [folderOf({ 'scripts/setup.sh': '#!/bin/sh\n', 'files/motd': '' }), [shipped()]];
  const text = readFileSync(await newTemplate({ name: 'web', from: 'debian-13', folder, folders }), 'utf8');
  const [comments, rest] = [text.slice(0, text.indexOf('\nname:')), text.slice(text.indexOf('\nname:'))];
  const all = folderOf({
    'web.yaml': comments + rest.replaceAll(/^# /gm, ''),
    'scripts/setup.sh': '#!/bin/sh\n',
    'files/motd': '',
  });
  const { template } = await loadTemplate('web', { folders: [all, ...folders], distros: [distro], now });
  expect(template.provisioning).toHaveLength(3);
  expect(template.packages.add).toEqual(['nginx']);
});

test('it never overwrites, also not a definition with another ending', async () => {
  const folder = folderOf({ 'a.yaml': 'mine', 'b.ts': 'mine' });
  for (const name of ['a', 'b']) {
    const error = await appErrorOf(newTemplate({ name, from: 'debian-13', folder, folders: [shipped()] }));
    expect(error.code).toBe('CONFLICT');
  }
  expect(readdirSync(folder)).toEqual(['a.yaml', 'b.ts']);
  expect(readFileSync(join(folder, 'a.yaml'), 'utf8')).toBe('mine');
});

test('of ten at once, one wins', async () => {
  const [folder, folders] = [folderOf({}), [shipped()]];
  const results = await Promise.allSettled(
    Array.from({ length: 10 }, () => newTemplate({ name: 'a', from: 'debian-13', folder, folders })),
  );
  expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  expect(readdirSync(folder)).toEqual(['a.yaml']);
});

test('bad names and unknown parents are refused', async () => {
  const [folder, folders] = [folderOf({}), [shipped()]];
  const codeOf = async (name: string, from: string) => (await appErrorOf(newTemplate({ name, from, folder, folders }))).code;
  expect(await codeOf('../x', 'debian-13')).toBe('USAGE');
  expect(await codeOf('x', 'debian-31')).toBe('TEMPLATE_NOT_FOUND');
  expect(readdirSync(folder)).toEqual([]);
});
