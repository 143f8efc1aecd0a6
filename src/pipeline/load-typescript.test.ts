import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, test } from 'vitest';
import { appErrorOf, distro, folderOf, now } from '../../test/definitions/folder.ts';
import { loadTemplate } from './load.ts';

const helper = pathToFileURL(join(import.meta.dirname, '../model/template.ts')).href;
const start = `import { defineTemplate } from '${helper}';\n`;
const load = (folder: string) => loadTemplate('t', { folders: [folder], distros: [distro], now });

test('a definition in TypeScript may compute, and extend one in YAML', async () => {
  const folder = folderOf({
    'base.yaml': 'name: base\nabstract: true\ndistro: debian\nrelease: 13\n',
    't.ts': `${start}const size: number = 2;\nexport const template = defineTemplate({ name: 't', extends: 'base', disk: { size: \`\${size * 4}GiB\` }, locale: undefined });\n`,
  });
  const { template, file } = await load(folder);
  expect(template).toMatchObject({ release: '13', disk: { size: 8 * 2 ** 30 }, locale: 'C.UTF-8' });
  expect(file).toBe(join(folder, 't.ts'));
});

test.each([
  [
    'faults',
    `export const template = { name: 't', distro: 'debian', release: 13, disk: { sise: 1, size: '3GB' } };`,
    ['disk.size: must be', 'disk: unknown key "sise"; did you mean "size"?'],
  ],
  ['no export', 'export const tempalte = 1;', ['does not export "template"']],
  ['a number', 'export const template = 1;', ['template: must be an object']],
  [
    'a function',
    `export const template = { name: 't', distro: () => 'debian' };`,
    ['distro: must be plain data, found a function'],
  ],
  [
    'a circle',
    `const template: Record<string, unknown> = {}; template.disk = template; export { template };`,
    ['is nested deeper than 50 levels'],
  ],
  ['bad syntax', 'export const template = {', ['could not be run: ']],
  ['a throw', `throw new Error('no luck');`, ['could not be run: Error: no luck']],
])('%s is told with the file and the key', async (_, text, messages) => {
  const folder = folderOf({ 't.ts': text });
  const { code, faults } = await appErrorOf(load(folder));
  expect(code).toBe('TEMPLATE_INVALID');
  expect(faults).toHaveLength(messages.length);
  for (const [index, message] of messages.entries()) {
    expect(faults[index]?.message).toContain(message);
    expect(faults[index]?.file).toBe(join(folder, 't.ts'));
  }
});
