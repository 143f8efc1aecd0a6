import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { EventBody } from '../util/events.ts';
import { seenCertificates } from './seen-certificates.ts';

let stateDir = '';
beforeEach(async () => {
  stateDir = await mkdtemp(join(tmpdir(), 'gabarit-certificates-'));
});
afterEach(() => rm(stateDir, { recursive: true }));

test('a certificate is kept, and shown to the person', async () => {
  const events: EventBody[] = [];
  const seen = seenCertificates(join(stateDir, 'new'), (event) => events.push(event));
  expect(await seen.get('pool.example:443')).toBeUndefined();
  await Promise.all([seen.set('pool.example:443', 'AB:CD'), seen.set('other.example:443', 'EF:01')]);
  expect(await seenCertificates(join(stateDir, 'new'), () => undefined).get('pool.example:443')).toBe('AB:CD');
  expect(Object.keys(JSON.parse(await readFile(join(stateDir, 'new/certificates.json'), 'utf8')) as object)).toHaveLength(2);
  expect(events).toContainEqual(
    expect.objectContaining({ level: 'warn', message: expect.stringContaining('SHA-256 AB:CD') as string }),
  );
});

test('a file that cannot be read is no reason to trust anybody', async () => {
  await writeFile(join(stateDir, 'certificates.json'), 'nonsense');
  await expect(seenCertificates(stateDir, () => undefined).get('pool.example:443')).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
  });
});
