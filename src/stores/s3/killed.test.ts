import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, it } from 'vitest';
import { startFakeStore } from '../../../test/fakes/s3-store.ts';
import { exec, start } from '../../util/exec.ts';
import { Scope } from '../../util/scope.ts';

const scope = new Scope();
afterEach(() => scope.close());

it('an upload whose process is killed at 60 % is not sent again as far as it has come', async () => {
  const { s3, folder } = await startFakeStore(scope);
  const bytes = randomBytes(96 * 2 ** 20);
  const file = join(folder, 'disk');
  await writeFile(file, bytes);
  const uploader = join(import.meta.dirname, '../../../test/fakes/uploader.ts');
  const argv = [process.execPath, uploader, 's3://images/x', s3.url, file, 'disk'];
  const env = { AWS_ACCESS_KEY_ID: s3.accessKey, AWS_SECRET_ACCESS_KEY: s3.secretKey };
  const arrived = (): { part: number; bytes: number }[] =>
    s3.requests.flatMap(({ operation, part = 0, received, status }) =>
      operation === 'UploadPart' && status === 200 ? [{ part, bytes: received }] : [],
    );
  const sum = (parts: { bytes: number }[]): number => parts.reduce((total, part) => total + part.bytes, 0);

  const child = start(argv, { env, stdio: ['ignore', 'ignore', 'ignore'] });
  const ended = once(child, 'exit');
  while (sum(arrived()) < 0.6 * bytes.length && child.exitCode === null) await sleep(5);
  child.kill('SIGKILL');
  await ended;
  const finished = s3.uploads('images').flatMap(({ parts }) => [...parts.values()]);
  const finishedBytes = finished.reduce((total, size) => total + size, 0);
  expect(finishedBytes).toBeGreaterThanOrEqual(0.6 * bytes.length);
  expect(finishedBytes).toBeLessThan(bytes.length);

  const before = arrived().length;
  await exec(argv, { env });
  const sentAfter = sum(arrived().slice(before));
  const sentAgain = sentAfter - (bytes.length - finishedBytes);
  expect(sentAgain).toBeLessThanOrEqual(0.05 * finishedBytes);
  expect((await s3.read('images', 'x/disk'))?.equals(bytes)).toBe(true);
  expect(s3.uploads('images')).toEqual([]);
});
