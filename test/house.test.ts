import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { errorReference } from '../src/cli/reference.ts';
import { parseHostTools } from '../src/pipeline/doctor-tools.ts';
import { errorTable } from '../src/util/errors.ts';
import { toolPackages } from '../src/util/exec.ts';

const root = join(import.meta.dirname, '..');

function read(path: string): string {
  return readFileSync(join(root, path), 'utf8');
}

test('docs/reference/errors.md is made from the table of errors (vitest -u writes it)', async () => {
  await expect(errorReference()).toMatchFileSnapshot(join(root, 'docs/reference/errors.md'));
});

/** Codes that a source makes errors with, and not merely asks for. */
function codesMadeIn(source: string): string[] {
  return [...source.matchAll(/(?<!===\s*|!==\s*)'([A-Z]+(?:_[A-Z]+)*)'|\berrorTable\.([A-Z_]+)/g)].map(
    ([, literal, key]) => literal ?? key ?? '',
  );
}

test('every code of an error is made somewhere in the sources', () => {
  const sources = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' }).filter(
    (name) => /(?<!\.test)\.ts$/.test(name) && name !== 'util/error-table.ts',
  );
  const made = new Set(sources.flatMap((name) => codesMadeIn(read(join('src', name)))));
  expect(Object.keys(errorTable).filter((code) => !made.has(code))).toEqual([]);
  expect(codesMadeIn("code === 'ASKED_FOR' ? new AppError('MADE', 'x') : errorTable.BY_EXIT.exit")).toEqual(['MADE', 'BY_EXIT']);
});

const hostTools = parseHostTools(read('src/host-tools.txt'));

test('the package of a tool is the same in the error that misses it and in src/host-tools.txt', () => {
  const packages = new Map(hostTools.flatMap((tool) => tool.anyOf.map((name) => [name, tool.package])));
  const differing = Object.entries(toolPackages).filter(([tool, name]) => packages.has(tool) && packages.get(tool) !== name);
  expect(differing).toEqual([]);
});

test('every tool that a test needs is in src/host-tools.txt, so that "gabarit test" brings it', () => {
  const known = new Set(hostTools.flatMap((tool) => tool.anyOf));
  const tests = ['src', 'test'].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).map((name) => join(folder, name)),
  );
  const calls = tests
    .filter((name) => name.endsWith('.test.ts'))
    .flatMap((name) => [...read(name).matchAll(/\bneeds\(([^)]+)\)/g)].map((match) => match[1] ?? ''));
  const needed = calls.flatMap((call) => [...call.matchAll(/'([^']+)'/g)].map((match) => match[1] ?? ''));
  expect(needed).toContain('qemu-img');
  expect([...new Set(needed)].filter((tool) => !known.has(tool))).toEqual([]);
});

/** npm ci refuses a lock file that lacks an optional package of another platform. */
test('package-lock.json is complete, and names no registry', () => {
  const lock = JSON.parse(read('package-lock.json')) as {
    packages: Record<string, { optionalDependencies?: Record<string, string>; resolved?: string }>;
  };
  const entries = Object.entries(lock.packages);
  const lacking = entries.flatMap(([path, { optionalDependencies = {} }]) =>
    Object.keys(optionalDependencies).filter(
      (name) => !lock.packages[`node_modules/${name}`] && !lock.packages[`${path}/node_modules/${name}`],
    ),
  );
  expect(lacking).toEqual([]);
  expect(entries.filter(([, { resolved }]) => resolved !== undefined)).toEqual([]);
});
