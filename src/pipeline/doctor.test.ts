import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { needsRoot } from '../../test/tools.ts';
import { type HostFact, reportOf } from '../model/host.ts';
import { exec } from '../util/exec.ts';
import { inspectSpace } from './doctor-space.ts';
import { inspectHost } from './doctor.ts';

const fact: HostFact = { id: 'x', title: 'X', neededFor: 'build', status: 'ok', found: '' };

test('a failure counts only for what needs it, and what is missing is installed by one line', () => {
  expect(reportOf([fact, { ...fact, status: 'warn' }])).toMatchObject({ canBuild: true, canVerify: true });
  expect(reportOf([{ ...fact, status: 'fail' }])).toMatchObject({ canBuild: false, canVerify: true });
  const missing: HostFact = { ...fact, status: 'fail', neededFor: 'verify', package: 'qemu-utils' };
  const report = reportOf([missing, { ...missing, package: 'ovmf' }, missing, { ...fact, package: 'tar' }]);
  expect(report).toMatchObject({ canBuild: true, canVerify: false });
  expect(report.install).toBe('apt-get install --no-install-recommends qemu-utils ovmf');
});

test('this host is inspected as a whole, and each fact says something', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'doctor-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const report = await inspectHost({
    cacheDir: join(folder, 'cache'),
    outputDir: join(folder, 'out/deep'),
    tempDir: folder,
    mirrors: [],
    proveKvm: () => Promise.resolve({ usable: false, reason: 'no /dev/kvm' }),
    signal: new AbortController().signal,
  });
  const ids = report.facts.map(({ id }) => id);
  expect(ids).toEqual(
    expect.arrayContaining(['node', 'cores', 'memory', 'disk.cache', 'namespaces', 'kvm', 'locale', 'tool.build.tar']),
  );
  expect(new Set(ids).size).toBe(ids.length);
  for (const { status, found, hint } of report.facts) {
    expect(found).not.toBe('');
    expect(hint === undefined).toBe(status === 'ok');
  }
  expect(report.facts.find(({ id }) => id === 'kvm')).toMatchObject({ status: 'warn', found: 'no /dev/kvm' });
  expect(report.facts.find(({ id }) => id === 'memory')?.found).toMatch(/^\d+(\.\d+)? [MG]iB available$/);
});

test.skipIf(needsRoot())('a small disk fails, with what it has and what is needed', async () => {
  const point = mkdtempSync(join(tmpdir(), 'small-'));
  onTestFinished(() => rmSync(point, { recursive: true }));
  await exec(['mount', '-t', 'tmpfs', '-o', 'size=16m', 'none', point]);
  try {
    mkdirSync(join(point, 'cache'));
    const places = await inspectSpace({ cacheDir: join(point, 'cache'), outputDir: join(point, 'not/yet'), tempDir: point });
    expect(places.map(({ id, status }) => [id, status])).toEqual([
      ['disk.cache', 'fail'],
      ['disk.output', 'fail'],
      ['disk.temp', 'fail'],
    ]);
    expect(places[0]).toMatchObject({ found: expect.stringMatching(/^16\.0 MiB free/) as string });
  } finally {
    await exec(['umount', point]);
  }
});
