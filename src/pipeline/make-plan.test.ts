import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { distro, folderOf, now } from '../../test/definitions/folder.ts';
import type { Engine } from '../model/engine.ts';
import { type Plan, planSchema } from '../model/plan.ts';
import { loadTemplate } from './load.ts';
import { makePlan, readPlan } from './make-plan.ts';

const shipped = join(import.meta.dirname, '../../templates/provision');
/** Pins nothing: what a plan holds besides its packages needs no mirror. */
const engine: Engine = {
  id: 'bootstrap',
  revision: 'test-1',
  options: z.object({}),
  requires: [],
  pin: () => Promise.resolve({ lock: { repositories: [], packages: [] }, guestSources: '' }),
  build: () => Promise.reject(new Error('not built here')),
};
const definition = `name: web
distro: debian
release: bookworm
repositories:
  - { name: vendor, uri: "https://packages.example/debian", suite: bookworm, key: keys/vendor.key }
provisioning:
  - { script: scripts/early.sh }
  - { step: ssh, with: { port: 2222 } }
  - { step: guest-tools, enabled: false }
  - { file: files/motd, to: /etc/motd, mode: "0600" }
  - { script: scripts/late.sh, environment: { ROLE: web }, network: true }
`;
const files = {
  'web.yaml': definition,
  'scripts/early.sh': '#!/bin/sh\n',
  'scripts/late.sh': '#!/bin/sh\necho late\n',
  'files/motd': 'hello\n',
  'keys/vendor.key': '-----BEGIN PGP PUBLIC KEY BLOCK-----\n',
};

async function planOf(folder: string, arch?: 'amd64'): Promise<Plan> {
  const loaded = await loadTemplate(join(folder, 'web.yaml'), { folders: [], distros: [distro], now });
  const ctx = { cacheDir: folder, offline: true, signal: new AbortController().signal, emit: () => undefined };
  return makePlan(loaded, arch, { distros: [distro], engines: [engine], provisionDir: shipped }, ctx);
}

describe('a plan', () => {
  test('has the shipped steps in their order, and own items where the template puts them', async () => {
    const { provisioning, keys, release, engineRevision } = await planOf(folderOf(files));
    expect(provisioning.map(({ name }) => name)).toEqual([
      'base',
      'cloud-init',
      'scripts/early.sh',
      'ssh',
      'hardening',
      'files/motd',
      'scripts/late.sh',
      'seal',
    ]);
    expect(provisioning[3]).toMatchObject({ kind: 'step', environment: { GABARIT_WITH_PORT: '2222' }, network: false });
    expect(provisioning[5]).toMatchObject({ kind: 'file', to: '/etc/motd', mode: '0600', owner: 'root:root' });
    expect(provisioning[6]).toMatchObject({ kind: 'script', environment: { ROLE: 'web' }, network: true });
    expect(keys['vendor']?.file).toBe('vendor.asc');
    expect([release.id, engineRevision]).toEqual(['12', 'test-1']);
  });

  test('is the same wherever its files lie, and valid', async () => {
    const [one, two] = [await planOf(folderOf(files)), await planOf(folderOf(files), 'amd64')];
    expect(one.id).toBe(two.id);
    expect(one.provisioning[2]?.source).not.toBe(two.provisioning[2]?.source);
    expect(planSchema.parse(JSON.parse(JSON.stringify(one)))).toEqual(one);
  });

  test.each([
    ['a script', 'scripts/late.sh', '#!/bin/sh\necho other\n'],
    ['a file', 'files/motd', 'other\n'],
    ['a key', 'keys/vendor.key', '-----BEGIN PGP PUBLIC KEY BLOCK-----\nother\n'],
    ['a parameter', 'web.yaml', definition.replace('2222', '2223')],
    ['the order', 'web.yaml', definition.replace('early', 'late').replace('scripts/late.sh, env', 'scripts/early.sh, env')],
  ])('is another one when %s changes', async (_, name, text) => {
    expect((await planOf(folderOf({ ...files, [name]: text }))).id).not.toBe((await planOf(folderOf(files))).id);
  });
});

describe('a plan that was written out', () => {
  async function written(): Promise<{ folder: string; path: string; plan: Plan }> {
    const folder = folderOf(files);
    const plan = await planOf(folder);
    const path = join(folder, 'plan.json');
    writeFileSync(path, JSON.stringify(plan));
    return { folder, path, plan };
  }

  test('is read back, also where its files lie beside it', async () => {
    const { path, plan } = await written();
    expect(await readPlan(path, shipped)).toEqual(plan);
    const other = folderOf({ ...files, 'plan.json': readFileSync(path) });
    rmSync(join(path, '../scripts'), { recursive: true });
    const moved = await readPlan(join(other, 'plan.json'), shipped);
    expect(moved.id).toBe(plan.id);
    expect(moved.provisioning[2]?.source).toBe(join(other, 'scripts/early.sh'));
  });

  test.each([
    ['that is not there', (path: string) => rmSync(path), 'PLAN_INVALID', /plan\.json cannot be read/],
    [
      'that is cut off',
      (path: string) => writeFileSync(path, readFileSync(path).subarray(0, 100)),
      'PLAN_INVALID',
      /plan\.json is not/,
    ],
    [
      'that was changed',
      (path: string) => writeFileSync(path, readFileSync(path, 'utf8').replace('2222', '22')),
      'DIGEST_MISMATCH',
      /was changed after it was made/,
    ],
    [
      'whose script was changed',
      (path: string) => writeFileSync(join(path, '../scripts/late.sh'), 'x'),
      'DIGEST_MISMATCH',
      /late\.sh is not what the plan was made with/,
    ],
    [
      'whose script is gone',
      (path: string) => rmSync(join(path, '../scripts/late.sh')),
      'PLAN_INVALID',
      /needs .*late\.sh, which is not there/,
    ],
  ])('%s is refused', async (_, spoil, code, message) => {
    const { path } = await written();
    spoil(path);
    await expect(readPlan(path, shipped)).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message) as unknown,
    });
  });
});
