import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { needs, needsRoot } from '../../test/tools.ts';
import type { HostFact } from '../model/host.ts';
import { exec } from '../util/exec.ts';
import { inspectNamespaces } from './doctor-namespaces.ts';

const module = new URL('./doctor-namespaces.ts', import.meta.url).href;

function makeFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'namespaces-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

test.skipIf(needsRoot())('root has namespaces and an overlay here, and nothing stays in the cache', async () => {
  const cache = makeFolder();
  const facts = await inspectNamespaces(cache, new AbortController().signal);
  expect(facts.map(({ id, status }) => [id, status])).toEqual([
    ['namespaces', 'ok'],
    ['overlay', 'ok'],
  ]);
  expect(readdirSync(cache)).toEqual([]);
});

test.skipIf(needsRoot() || needs('setpriv'))('a user without subordinate ids is told how to get them', async () => {
  const script = `
    const { inspectNamespaces } = await import(${JSON.stringify(module)});
    console.log(JSON.stringify(await inspectNamespaces('/nonexistent/cache', new AbortController().signal)));`;
  const asNobody = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'];
  const { stdout } = await exec([...asNobody, process.execPath, '--input-type=module', '--eval', script], { cwd: '/' });
  const facts = JSON.parse(stdout) as HostFact[];
  expect(facts).toHaveLength(1);
  expect(facts[0]).toMatchObject({ id: 'namespaces', status: 'fail', neededFor: 'build' });
  expect(facts[0]?.hint).toMatch(/subuid|sysctl/);
});

test.skipIf(needsRoot())('a cache that cannot be written to fails by name', async () => {
  const cache = join(makeFolder(), 'file/cache');
  writeFileSync(dirname(cache), 'not a folder');
  const facts = await inspectNamespaces(cache, new AbortController().signal);
  expect(facts[1]).toMatchObject({
    id: 'overlay',
    status: 'fail',
    found: expect.stringContaining(`${cache}: ENOTDIR`) as string,
  });
});
