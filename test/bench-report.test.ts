import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { renderReport } from '../bench/build/report.ts';
import { median, Results } from '../bench/build/results.ts';
import { markdownTable, writeSection } from '../bench/markdown.ts';

const machine = {
  cores: 2,
  processor: 'any',
  memoryGiB: 24,
  fileSystem: 'ext4',
  kernel: '6.1',
  node: 'v24',
  load: 0.2,
  quiet: true,
};

function reportOf(results: Results, load = 0.2): string {
  const peers = new Map([['mmdebstrap', 'mmdebstrap 1.3: tar']]);
  return renderReport({
    command: 'x',
    machine: { ...machine, load, quiet: load <= 1 },
    packages: [{ size: 1 << 20, role: 'image' }],
    peers,
    results,
  });
}

test('the median of odd and even counts, and of nothing', () => {
  expect(median([3, 1, 2])).toBe(2);
  expect(median([4, 1, 2, 3])).toBe(2.5);
  expect(median([])).toBeNaN();
});

test('a report has ratios of medians, and says which bars hold, are missed, or were not measured', () => {
  const results = new Results();
  for (const seconds of [80, 100, 90]) results.add('mmdebstrap', { seconds });
  results.add('cold', {
    seconds: 45,
    totalSeconds: 50,
    size: 266 << 20,
    memory: { tree: 2 ** 31, process: 2 ** 30, name: 'node' },
  });
  results.add('hot', { seconds: 9 });
  const lines = reportOf(results).split('\n');
  const bar = (title: string): string => lines.find((line) => line.startsWith(`| ${title} `)) ?? '';
  expect(bar('cold, against mmdebstrap')).toMatch(/ 0\.50x \| +<= 0\.45x \| +\*\*missed\*\* \|$/);
  expect(bar('only a script changed, against cold')).toMatch(/ 0\.20x .*missed/);
  expect(bar('size of the full qcow2')).toMatch(/ 266 MiB \| +<= 280 MiB \| +holds \|$/);
  expect(bar('memory of a cold build, all processes')).toMatch(/ 2048 MiB .*missed/);
  expect(bar('cold, against vmdb2')).toContain('not measured');
  expect(bar('mmdebstrap 1.3: tar')).toMatch(/ 3 \| +80\.0 \| +\*\*90\.0\*\* \| +100\.0 \|/);
});

test('a busy machine is said to be busy', () => {
  expect(reportOf(new Results(), 0.9)).not.toContain('Not clean');
  expect(reportOf(new Results(), 1.1)).toContain('Not clean');
});

test('the reason of a failure does not name the mirror', () => {
  const said: string[] = [];
  const results = new Results((line) => said.push(line));
  results.skip('vmdb2', 'not installed');
  results.fail('mkosi', new Error('https://mirror.example:8080/debian/x.deb: 404'));
  expect(reportOf(results)).toContain("- Not measured: mkosi: failed: the host's mirror/debian/x.deb: 404");
  expect(reportOf(results)).toContain('- Not measured: vmdb2: not installed');
  expect(said).toEqual(['mkosi: failed: https://mirror.example:8080/debian/x.deb: 404']);
});

test('results replace those of earlier, and the prose around them stays', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'gabarit-test-'));
  try {
    const page = join(folder, 'page.md');
    await writeFile(page, 'before\n<!-- build: begin -->\nold\n<!-- build: end -->\nafter\n');
    await writeSection(page, 'build', markdownTable(['a', 'b'], [['x', '10']]));
    expect(await readFile(page, 'utf8')).toBe(
      'before\n<!-- build: begin -->\n| a   |   b |\n| --- | --: |\n| x   |  10 |\n<!-- build: end -->\nafter\n',
    );
    await expect(writeSection(page, 'formats', 'x')).rejects.toThrow('no place for the results');
  } finally {
    await rm(folder, { recursive: true });
  }
});
