import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { readCredential } from './credential.ts';
import { forgetSecrets, redact } from './redact.ts';

afterEach(forgetSecrets);

test('is read from a variable, without a line end, and is redacted from then on', async () => {
  expect(await readCredential('env:S3_SECRET', { S3_SECRET: 'sesame-open\r\n' })).toBe('sesame-open');
  expect(redact('the key is sesame-open')).toBe('the key is [redacted]');
});

test('is read from a file', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'credential-'));
  await writeFile(join(folder, 'key'), 'sesame-open\n');
  expect(await readCredential(`file:${join(folder, 'key')}`, {})).toBe('sesame-open');
  await expect(readCredential(`file:${folder}`, {})).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  await rm(folder, { recursive: true });
});

test.each([
  ['env:ABSENT', 'no variable ABSENT is in the environment'],
  ['env:EMPTY', 'is empty'],
  ['file:/nonexistent/key', 'there is no such file'],
])('%s: says where it was looked for', async (reference, message) => {
  await expect(readCredential(reference, { EMPTY: ' ' })).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
    message: expect.stringContaining(message) as string,
  });
});

test('a value in the place of a reference is refused and not repeated', async () => {
  await expect(readCredential('hunter2hunter2', {})).rejects.toSatisfy((error) => !String(error).includes('hunter2'));
});
