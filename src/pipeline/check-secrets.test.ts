import { chmod, mkdir, mkdtemp, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { checkSecrets } from './check-secrets.ts';

const now = new Date('2026-11-25T10:00:00Z');
let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'secrets-'));
});
afterEach(() => rm(folder, { recursive: true }));

async function secretFile(name: string, mode: number, ageDays: number, content = 'the value itself'): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, content);
  await chmod(path, mode);
  const time = new Date(now.getTime() - ageDays * 24 * 3600 * 1000);
  await utimes(path, time, time);
  return path;
}

test('each reference is found with its place, age and rights, and no value is shown', async () => {
  await mkdir(join(folder, 'folder'));
  const facts = await checkSecrets({
    configuration: {
      stores: {
        prod: {
          url: 'file:/srv/templates',
          ca: '/etc/ca.pem',
          credentials: { accessKey: 'env:ACCESS', secretKey: `file:${await secretFile('good', 0o600, 10)}` },
        },
        role: { url: 's3://x', credentials: { webIdentity: { roleArn: 'arn', tokenFile: await secretFile('token', 0o640, 1) } } },
        other: { url: 's3://y', credentials: 'environment' },
      },
      targets: {
        lab: { password: `file:${await secretFile('old', 0o400, 400)}` },
        none: [{ password: `file:${folder}/none` }, { password: 'env:NONE' }, { password: 'env:EMPTY' }],
        odd: { a: `file:${folder}/folder`, b: `file:${await secretFile('empty', 0o600, 1, '')}` },
      },
      signing: { fingerprints: [] },
    },
    files: [{ named: 'key default', path: await secretFile('key', 0o600, 1) }],
    environment: { ACCESS: 'the value itself', EMPTY: ' ' },
    maxAgeDays: 365,
    now,
  });
  const shown = facts.map(({ named, status, message, ageDays, mode }) => [
    named,
    status,
    message.replaceAll(folder, ''),
    ageDays,
    mode,
  ]);
  expect(shown).toEqual([
    ['stores.prod.credentials.accessKey', 'pass', 'set; its age is not known', undefined, undefined],
    ['stores.prod.credentials.secretKey', 'pass', '', 10, '600'],
    [
      'stores.role.credentials.webIdentity.tokenFile',
      'warn',
      'others can read it: chmod 600 /token, and change the secret',
      1,
      '640',
    ],
    ['targets.lab.password', 'warn', 'older than 365 days: change it', 400, '400'],
    ['targets.none.0.password', 'fail', 'there is no such file', undefined, undefined],
    ['targets.none.1.password', 'fail', 'no variable NONE is in the environment', undefined, undefined],
    ['targets.none.2.password', 'fail', 'it is empty', undefined, undefined],
    ['targets.odd.a', 'fail', 'it is not a file', expect.any(Number), '755'],
    ['targets.odd.b', 'fail', 'it is empty', 1, '600'],
    ['key default', 'pass', '', 1, '600'],
  ]);
  expect(JSON.stringify(facts)).not.toContain('the value');
});
