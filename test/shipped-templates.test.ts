import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import * as distros from '../src/distros/index.ts';
import { listTemplates } from '../src/pipeline/list-templates.ts';
import { loadTemplate } from '../src/pipeline/load.ts';
import { folderOf } from './definitions/folder.ts';

const root = join(import.meta.dirname, '..');
const options = {
  folders: [join(root, 'templates')],
  distros: Object.values(distros),
  now: new Date('2026-11-23T12:00:00Z'),
};
const shipped = await listTemplates(options);

test('all shipped templates are sound, and there is one of every release', () => {
  expect(shipped.filter(({ error }) => error !== undefined)).toEqual([]);
  const releases = Object.values(distros).flatMap(({ id, releases: all }) => all.map((release) => `${id}-${release.id}`));
  expect(shipped.map(({ name }) => name)).toEqual([...releases, 'debian-12-minimal'].toSorted());
});

test('the first example of docs/definitions.md is sound', async () => {
  const docs = readFileSync(join(root, 'docs/definitions.md'), 'utf8');
  const example = /```yaml\n([^]*?)```/.exec(docs)?.[1] ?? '';
  const folder = folderOf({ 'web-server.yaml': example, 'scripts/setup.sh': '#!/bin/sh\n', 'files/motd': '' });
  const { template } = await loadTemplate(join(folder, 'web-server.yaml'), options);
  expect(template).toMatchObject({ name: 'web-server', release: 'bookworm', disk: { size: 8 * 2 ** 30 } });
});

test.each(shipped)('$name is short, describes itself, and gives the expected whole', async ({ name, file, description }) => {
  const text = readFileSync(file, 'utf8');
  expect(text.split('\n').length).toBeLessThanOrEqual(25);
  expect(text).toContain('# yaml-language-server: $schema=../docs/reference/template.schema.json');
  expect(description.length).toBeGreaterThan(10);
  const { template } = await loadTemplate(name, { ...options, allowEndOfLife: true });
  await expect(`${JSON.stringify(template, null, 2)}\n`).toMatchFileSnapshot(join(root, 'test/golden/templates', `${name}.json`));
});
