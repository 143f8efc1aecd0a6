import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { needsRadosgw, startRadosgw } from '../../../test/peers/radosgw.ts';
import { digestOf } from '../../util/digest.ts';
import { Scope } from '../../util/scope.ts';
import { openS3Store } from '../s3.ts';

const uploads = 50;

it.skipIf(needsRadosgw())(
  `none of ${uploads} uploads to radosgw fails while its keys are rotated`,
  async () => {
    await using scope = new Scope();
    const folder = await mkdtemp(join(tmpdir(), 'rgw-'));
    scope.defer(() => rm(folder, { recursive: true }));
    const peer = await startRadosgw(folder, scope);
    const url = `s3://${await peer.bucket()}/many`;
    const [accessFile, secretFile] = [join(folder, 'access'), join(folder, 'secret')];
    // As an operator does it: the new pair, one file after the other, then the old one is taken away.
    const useKeys = async ({ accessKey, secretKey }: { accessKey: string; secretKey: string }): Promise<void> => {
      await writeFile(secretFile, secretKey);
      await sleep(50);
      await writeFile(accessFile, accessKey);
    };
    let current = await peer.addKey();
    const first = current;
    await useKeys(current);
    const open = (credentials: { accessKey: string; secretKey: string }, environment: Record<string, string> = {}) => {
      const settings = peer.settings(url, { credentials, partSize: 5 * 2 ** 20, parallel: 1, limit: 2 ** 20 });
      return openS3Store(url, { settings, environment, stateDir: folder, emit: () => undefined });
    };

    const bytes = randomBytes(12 * 2 ** 20);
    const announced = { digest: digestOf(bytes), size: bytes.length };
    const fromFiles = { accessKey: `file:${accessFile}`, secretKey: `file:${secretFile}` };
    const done = new AbortController();
    let rotations = 0;
    const rotate = async (): Promise<void> => {
      while (!done.signal.aborted) {
        const old = current;
        current = await peer.addKey();
        await useKeys(current);
        await peer.removeKey(old.accessKey);
        rotations += 1;
        await sleep(1000);
      }
    };
    const startMs = performance.now();
    const rotating = rotate();
    const results = await Promise.allSettled(
      Array.from({ length: uploads }, (_, number) => open(fromFiles).put(`k/${number}`, { bytes }, announced)),
    );
    done.abort();
    await rotating;
    expect(results.flatMap((result) => (result.status === 'rejected' ? [String(result.reason)] : []))).toEqual([]);
    expect(rotations).toBeGreaterThanOrEqual(3);

    const store = open(fromFiles);
    let stored = 0;
    for await (const { size } of store.list('k/')) stored += Number(size === bytes.length);
    expect(stored).toBe(uploads);
    const withOldKey = open({ accessKey: 'env:A', secretKey: 'env:S' }, { A: first.accessKey, S: first.secretKey });
    await expect(withOldKey.head('k/0')).rejects.toMatchObject({ code: 'STORE_DENIED' });
    // eslint-disable-next-line no-console -- the figure is what a slow test is for
    console.info(`${rotations} rotations in ${((performance.now() - startMs) / 1000).toFixed(1)} s`);
  },
  600_000,
);
