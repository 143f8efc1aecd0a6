import { join } from 'node:path';
import { expect, test } from 'vitest';
import { allImports, type Import, importsOf } from './imports.ts';

/** Folders of `src/`, the lowest first. A file imports from its own folder and from lower layers only. */
const layers: string[][] = [
  ['util'],
  ['model', 'clients', 'disk'],
  [
    'distros',
    'engines',
    'formats',
    'controls',
    'checks',
    'evidence',
    'signers',
    'keys',
    'stores',
    'targets',
    'vms',
    'catalog',
    'pipeline',
  ],
  ['jobs'],
  ['config.ts'],
  ['app.ts'],
  ['api'],
  ['cli'],
];
/** Steps inside a layer: what reads disks gives them back as the nouns of the house. */
const allowed = new Set(['disk > model']);

function layerOf(folder: string): number {
  return layers.findIndex((folders) => folders.includes(folder));
}

function folderOf(path: string): string {
  return path.split('/')[0] ?? path;
}

/** What is wrong with an import, or undefined. */
function fault({ from, to, relative, line }: Import): string | undefined {
  const source = folderOf(from);
  const place = `src/${from}:${line}`;
  if (layerOf(source) === -1) return `src/${from}: no layer is known for "${source}"`;
  if (!relative) return undefined;
  if (to.startsWith('..')) return `${place}: ${to} lies outside src`;
  const target = folderOf(to);
  if (target === source) return undefined;
  const isDownward = layerOf(target) < layerOf(source) || allowed.has(`${source} > ${target}`);
  return isDownward ? undefined : `${place}: ${source} must not import ${target} (${to})`;
}

/** Files that import each other in a circle at run time, each circle once. */
function cycles(graph: Map<string, Import[]>): string[] {
  const found: string[] = [];
  const done = new Set<string>();
  const visit = (file: string, path: string[]): void => {
    const at = path.indexOf(file);
    if (at !== -1) found.push([...path.slice(at), file].join(' > '));
    if (at !== -1 || done.has(file)) return;
    for (const { to, typeOnly } of graph.get(file) ?? []) if (!typeOnly && graph.has(to)) visit(to, [...path, file]);
    done.add(file);
  };
  for (const file of graph.keys()) visit(file, []);
  return found;
}

const graph = allImports(join(import.meta.dirname, '../src'));

test('every import goes to the own folder or down', () => {
  expect(graph.size).toBeGreaterThan(20);
  expect([...graph.values()].flat().flatMap((entry) => fault(entry) ?? [])).toEqual([]);
});

test('no file imports itself through others', () => {
  expect(cycles(graph)).toEqual([]);
});

/** What is wrong with an import of the web page, or undefined: of src it takes types only, and it is bundled by itself. */
function webFault({ from, to, relative, typeOnly, line }: Import): string | undefined {
  const place = `web/${from}:${line}`;
  if (to.startsWith('node:')) return `${place}: a browser has no ${to}`;
  if (!relative || !to.startsWith('..')) return undefined;
  if (!to.startsWith('../src/')) return `${place}: ${to} lies outside web and src`;
  return typeOnly ? undefined : `${place}: ${to} is bundled: only "import type" may come from src`;
}

test('the web page takes types alone from src', () => {
  const page = allImports(join(import.meta.dirname, '../web'));
  // What bundles the page is no part of it.
  for (const file of ['build.ts', 'vite.config.ts']) page.delete(file);
  const inSource = [...page.values()].flat().filter(({ to }) => to.startsWith('../src/'));
  expect(inSource.length).toBeGreaterThan(10);
  expect([...page.values()].flat().flatMap((entry) => webFault(entry) ?? [])).toEqual([]);
  const wrong = (source: string): string | undefined => importsOf(source, 'pages/a.tsx').map(webFault)[0];
  expect(wrong(`import { b } from '../../src/model/b.ts';`)).toBe(
    'web/pages/a.tsx:1: ../src/model/b.ts is bundled: only "import type" may come from src',
  );
  expect(wrong(`import type { B } from '../../src/model/b.ts';`)).toBeUndefined();
  expect(wrong(`import { b } from '../../test/b.ts';`)).toContain('outside web and src');
  expect(wrong(`import { readFile } from 'node:fs';`)).toContain('a browser has no node:fs');
});

test('the rules do see what they forbid', () => {
  const wrong = (from: string, source: string): string | undefined => importsOf(source, from).map(fault)[0];
  expect(wrong('util/a.ts', `import { b } from '../model/b.ts';`)).toBe(
    'src/util/a.ts:1: util must not import model (model/b.ts)',
  );
  expect(wrong('stores/a.ts', `\nimport type {\n  B,\n} from '../vms/b.ts';`)).toContain(
    'src/stores/a.ts:4: stores must not import vms',
  );
  expect(wrong('app.ts', `export * from './cli/main.ts';`)).toContain('app.ts must not import cli');
  expect(wrong('util/a.ts', `const b = await import('../disk/b.ts');`)).toContain('util must not import disk');
  expect(wrong('model/a.ts', `import '../../test/setup.ts';`)).toContain('outside src');
  expect(wrong('util/a.ts', `import { app } from '../app.ts';`)).toContain('util must not import app.ts');
  expect(wrong('odd/a.ts', `import { b } from '../util/b.ts';`)).toContain('no layer is known');
  expect(wrong('cli/a.ts', `import { b } from '../app.ts';`)).toBeUndefined();
  expect(wrong('pipeline/steps/a.ts', `import { z } from 'zod/v4';`)).toBeUndefined();
  const circle = new Map([
    ['a.ts', importsOf(`import { b } from './b.ts';`, 'a.ts')],
    ['b.ts', importsOf(`import { a } from './a.ts';`, 'b.ts')],
  ]);
  expect(cycles(circle)).toEqual(['a.ts > b.ts > a.ts']);
});
