import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeEach } from 'vitest';
import { findTraces, leaksSince, type Traces } from './traces.ts';

/**
 * Every test leaves nothing behind. Each test file gets a folder for temporary files of its own, which must be empty at the
 * end of the file; child processes, mounts and loop devices must be gone at the end of the test that made them.
 */

const folder = mkdtempSync(join(tmpdir(), `gabarit-test-${process.pid}-`));
process.env['TMPDIR'] = folder;

let before: Traces;

beforeEach(() => {
  before = findTraces(folder);
});

afterEach(async () => {
  // What was told to end may need a moment.
  for (let attempt = 0; attempt < 20 && leaksSince(before, findTraces(folder)).length > 0; attempt += 1) await sleep(100);
  const leaks = leaksSince(before, findTraces(folder));
  if (leaks.length > 0) throw new Error(`The test left behind: ${leaks.join('; ')}`);
});

afterAll(() => {
  const left = readdirSync(folder);
  rmSync(folder, { recursive: true, force: true });
  if (left.length > 0) throw new Error(`The tests left files behind in their temporary folder: ${left.join(', ')}`);
});
