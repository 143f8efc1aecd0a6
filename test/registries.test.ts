import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { importsOf } from './imports.ts';

const src = join(import.meta.dirname, '../src');
const pluginFolders = ['distros', 'engines', 'formats', 'controls', 'checks', 'evidence', 'signers', 'stores', 'targets'].filter(
  (folder) => existsSync(join(src, folder, 'index.ts')),
);

function sourcesIn(folder: string): string[] {
  return readdirSync(folder).filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts') && name !== 'index.ts');
}

/** Plugins that a folder holds and its list does not name. Folders in it are parts of one plugin, or, when the list names several of its files, plugins too. */
function unlisted(folder: string, listed: string[]): string[] {
  const files = sourcesIn(folder);
  const folders = readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && entry.name !== 'shared')
    .map((entry) => entry.name);
  return [
    ...files.filter((name) => !listed.includes(name)),
    ...folders.flatMap((name) => {
      const within = listed.filter((path) => path.startsWith(`${name}/`));
      if (within.length === 0) return files.includes(`${name}.ts`) ? [] : [name];
      if (within.includes(`${name}/index.ts`) || within.length === 1) return [];
      return sourcesIn(join(folder, name))
        .filter((file) => !within.includes(`${name}/${file}`))
        .map((file) => `${name}/${file}`);
    }),
  ];
}

describe.each(pluginFolders)('src/%s/index.ts', (folder) => {
  const source = readFileSync(join(src, folder, 'index.ts'), 'utf8');

  test('names every plugin of the folder', () => {
    expect(
      unlisted(
        join(src, folder),
        importsOf(source, 'index.ts').map(({ to }) => to),
      ),
    ).toEqual([]);
  });

  test('is only a list', () => {
    const rest = source
      .replaceAll(/\/\*.*?\*\/|\/\/.*$/gms, '')
      .replaceAll(/^(export|import) (type )?\{[^}]*\} from '[^']+';/gm, '')
      .replaceAll(/^export const \w+(: [\w<>[\], ]+)? = \[[\w\s,.]*\];/gm, '');
    expect(rest.trim()).toBe('');
  });
});

test('a plugin that is not in the list is found', () => {
  expect(pluginFolders.length).toBeGreaterThan(0);
  expect(unlisted(join(src, 'distros'), [])).toContain('debian.ts');
});
