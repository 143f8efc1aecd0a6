import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { errorTable } from '../src/util/errors.ts';
import { toolPackages } from '../src/util/exec.ts';

const root = join(import.meta.dirname, '..');

function read(path: string): string {
  return readFileSync(join(root, path), 'utf8');
}

test('docs/exit-codes.md has a line for every error code, with its exit code', () => {
  const rows = [...read('docs/exit-codes.md').matchAll(/^\| `([A-Z_]+)` \| (\d+) \|/gm)].map((row) => [row[1], Number(row[2])]);
  expect(Object.fromEntries(rows)).toEqual(
    Object.fromEntries(Object.entries(errorTable).map(([code, { exit }]) => [code, exit])),
  );
});

test('the package of a tool is the same in the error that misses it and in src/host-tools.txt', () => {
  const rows = read('src/host-tools.txt')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => line.split(/\s+/));
  expect(rows.length).toBeGreaterThan(20);
  const packages = new Map(rows.map(([, tool, name]) => [tool, name]));
  const differing = Object.entries(toolPackages).filter(([tool, name]) => packages.has(tool) && packages.get(tool) !== name);
  expect(differing).toEqual([]);
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
