import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { exec } from '../src/util/exec.ts';
import { hasTool, needs } from './tools.ts';
import { trackedFiles } from './tracked-files.ts';

/** Hosts in the package sources of this machine: its own apt mirrors and npm registry. */
async function registryHosts(): Promise<string[]> {
  const folder = '/etc/apt/sources.list.d';
  const files = [
    '/etc/apt/sources.list',
    ...(existsSync(folder) ? readdirSync(folder).map((name) => `${folder}/${name}`) : []),
  ].filter((file) => /\.(list|sources)$/.test(file) && existsSync(file));
  const texts = files.map((file) => readFileSync(file, 'utf8'));
  if (hasTool('npm')) texts.push((await exec(['npm', 'config', 'get', 'registry'])).stdout);
  const hosts = texts.flatMap((text) => [...text.matchAll(/https?:\/\/([^/\s:@\]]+@)?(?<host>[^/\s:\]]+)/g)]);
  return [...new Set(hosts.map((match) => match.groups?.['host'] ?? ''))].filter((host) => host.includes('.'));
}

test.skipIf(needs('git'))('no file names a package registry of this machine: mirrors are settings', async () => {
  const hosts = await registryHosts();
  expect(hosts).not.toEqual([]);
  const found = [...(await trackedFiles())].flatMap(([name, text]) =>
    hosts.filter((host) => text.includes(host)).map((host) => `${name}: ${host}`),
  );
  expect(found).toEqual([]);
});

test.skipIf(needs('git', 'shellcheck'))('every tracked POSIX shell script is clean', async () => {
  const scripts = [...(await trackedFiles())].filter(([, text]) => /^#!\/bin\/sh\b/.test(text)).map(([name]) => name);
  expect(scripts).toContain('gabarit');
  const { stdout } = await exec(['shellcheck', ...scripts], { cwd: `${import.meta.dirname}/..`, okExitCodes: [0, 1] });
  expect(stdout).toBe('');
});
