import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { exec, killGroup, start } from '../src/util/exec.ts';
import { needsRoot } from './tools.ts';
import { findTraces, leaksSince } from './traces.ts';

test('a child process and its own child are named, and gone once killed', async () => {
  const before = findTraces(tmpdir());
  const child = start(['sh', '-c', 'sleep 60 & wait'], { stdio: ['ignore', 'ignore', 'ignore'] });
  onTestFinished(() => killGroup(child));
  // A child bears its parent's name until it has become its program.
  await expect.poll(() => leaksSince(before, findTraces(tmpdir())).join()).toContain('(sleep)');
  expect(leaksSince(before, findTraces(tmpdir()))).toHaveLength(2);
  await killGroup(child);
  await expect.poll(() => leaksSince(before, findTraces(tmpdir()))).toEqual([]);
});

test.skipIf(needsRoot())('a mount is named', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'mount-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const point = join(folder, 'point');
  mkdirSync(point);
  const before = findTraces(folder);
  await exec(['mount', '-t', 'tmpfs', 'none', point]);
  try {
    expect(leaksSince(before, findTraces(folder))).toEqual([`mount ${point}`]);
  } finally {
    await exec(['umount', point]);
  }
  expect(leaksSince(before, findTraces(folder))).toEqual([]);
});
