import { join } from 'node:path';
import { expect, test } from 'vitest';
import { exec } from '../src/util/exec.ts';

/** The checks of `npm run check`, as tests: so they are counted, and run wherever the tests run. */

const root = join(import.meta.dirname, '..');

/** Runs a tool of node_modules; resolves with what it printed when it found fault, else with "". */
async function complaints(script: string, ...args: string[]): Promise<string> {
  const argv = [process.execPath, join(root, 'node_modules', script), ...args];
  const { stdout, stderr, exitCode } = await exec(argv, { cwd: root, env: { NO_COLOR: '1' }, okExitCodes: [0, 1, 2] });
  return exitCode === 0 ? '' : `${stdout}${stderr}`;
}

test('the types fit', async () => {
  expect(await complaints('typescript/bin/tsc', '--noEmit')).toBe('');
});

test('the linter has nothing to say', async () => {
  expect(await complaints('oxlint/bin/oxlint', '--type-aware', '--deny-warnings')).toBe('');
});

test('every file is formatted', async () => {
  expect(await complaints('@biomejs/biome/bin/biome', 'format', '.')).toBe('');
});
