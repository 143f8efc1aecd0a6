import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { partBytes, startFakeStore, type StoreAtFake } from '../../../test/fakes/s3-store.ts';
import { needs, needsRoot } from '../../../test/tools.ts';
import type { TransferOptions } from '../../model/store.ts';
import { digestOf } from '../../util/digest.ts';
import { AppError } from '../../util/errors.ts';
import { exec } from '../../util/exec.ts';
import { retry } from '../../util/retry.ts';
import { Scope } from '../../util/scope.ts';

const scope = new Scope();
let fake: StoreAtFake;
let folder = '';
let path = '';
const mebibyte = 2 ** 20;
/** Forty ranges. */
const bytes = randomBytes(40 * partBytes - 9);
const announced = { digest: digestOf(bytes), size: bytes.length };

beforeEach(async () => {
  fake = await startFakeStore(scope);
  await fake.s3.plant('images', 'some/prefix/disk', bytes);
  folder = join(fake.folder, 'out');
  path = join(folder, 'disk');
  await mkdir(folder);
});
afterEach(() => scope.close());

function download(more: Partial<TransferOptions> = {}): Promise<string> {
  const work = fake.open({ parallel: 2 }).download('disk', path, { ...announced, ...more });
  return work.then(
    () => 'no error',
    (error: unknown) => (error instanceof AppError ? error.code : String(error)),
  );
}

const bytesSent = (): number =>
  fake.s3.requests.reduce((sum, { operation, sent }) => (operation === 'GetObject' ? sum + sent : sum), 0);

async function expectWhole(): Promise<void> {
  expect(await readdir(folder)).toEqual(['disk']);
  expect(bytes.equals(await readFile(path))).toBe(true);
}

describe('a download', () => {
  it('goes on where one that was stopped had come to, and says how far it is', async () => {
    const cancel = new AbortController();
    expect(await download({ signal: cancel.signal, onProgress: (count) => count > 36 * partBytes && cancel.abort() })).toBe(
      'CANCELLED',
    );
    expect(await readdir(folder)).toEqual([expect.stringMatching(/^disk\.[0-9a-f]{16}\.part$/)]);
    const before = bytesSent();
    const seen: number[] = [];
    expect(await download({ onProgress: (count) => seen.push(count) })).toBe('no error');
    expect(bytesSent() - before).toBeLessThan(bytes.length - 30 * partBytes);
    expect(seen).toEqual(seen.toSorted((a, b) => a - b));
    expect([seen[0] ?? 0, seen.at(-1)]).toEqual([expect.any(Number), bytes.length]);
    expect(seen[0]).toBeGreaterThanOrEqual(30 * partBytes);
    await expectWhole();
  });

  it('is whole also when the connection is torn, or what an earlier one left is damaged', async () => {
    fake.s3.inject({ kind: 'cut-answer', bytes: 10_000, on: 'GetObject', times: 3 });
    expect(await download()).toBe('no error');
    await expectWhole();
    const part = `${path}.${announced.digest.slice(7, 23)}.part`;
    await writeFile(part, randomBytes(17 * partBytes));
    expect(await download()).toBe('no error');
    await writeFile(part, Buffer.concat([bytes, bytes]));
    expect(await download()).toBe('no error');
    await expectWhole();
  });

  it('is not taken when a bit of it is wrong, in the store or on the way', async () => {
    fake.s3.inject({ kind: 'flip-answer', on: 'GetObject', after: 1 });
    expect(await download()).toBe('DIGEST_MISMATCH');
    await fake.s3.flip('images', 'some/prefix/disk', 39 * partBytes);
    expect(await download()).toBe('DIGEST_MISMATCH');
    expect(await download({ size: bytes.length + 1 })).toBe('DIGEST_MISMATCH');
    expect(await readdir(folder)).toEqual([]);
  });

  it('of an object that is replaced meanwhile is none', async () => {
    const onProgress = (count: number): void => {
      if (count > 0) void fake.s3.plant('images', 'some/prefix/disk', bytes.toReversed());
    };
    expect(await download({ onProgress })).toBe('CONFLICT');
  });

  it('may be done by two at once', async () => {
    expect(await Promise.all([download(), download()])).toEqual(['no error', 'no error']);
    expect(bytesSent()).toBe(bytes.length);
    await expectWhole();
  });

  it('of nothing is nothing', async () => {
    await fake.s3.plant('images', 'some/prefix/empty', Buffer.alloc(0));
    await fake.open().download('empty', path, { digest: digestOf(''), size: 0 });
    expect(await readFile(path, 'utf8')).toBe('');
  });

  it.skipIf(needsRoot() || needs('mount', 'umount'))('onto a disk that is too small says so, and leaves nothing', async () => {
    await exec(['mount', '-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', folder]);
    try {
      expect(await download()).toBe('DISK_FULL');
      expect(await readdir(folder)).toEqual([]);
      expect(bytesSent()).toBe(0);
      // Somebody else fills it while it is on its way.
      await exec(['mount', '-o', 'remount,size=3m', folder]);
      let isFilled = false;
      const onProgress = (count: number): void => {
        if (isFilled || count === 0) return;
        isFilled = true;
        writeFileSync(join(folder, 'other'), Buffer.alloc(mebibyte));
      };
      expect(await download({ onProgress })).toBe('DISK_FULL');
      expect(await readdir(folder)).toEqual(['other']);
    } finally {
      await retry(() => exec(['umount', folder]), { attempts: 20, delayMs: 20, retryable: () => true });
    }
  });
});
