import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { exec } from '../../../src/util/exec.ts';
import { needs } from '../../tools.ts';
import { type FakeS3, startS3 } from '../s3.ts';

/** Clients that were written by others, and for other servers: both signatures, whole objects and parts. */

let folder = '';
let server: FakeS3;
const bytes = randomBytes(12 * 2 ** 20);

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gabarit-s3-clients-'));
  server = await startS3({ buckets: ['images'] });
  await writeFile(join(folder, 'big'), bytes);
  await writeFile(join(folder, 'small é+ &.txt'), 'small');
});
afterEach(async () => {
  await server.close();
  await rm(folder, { recursive: true });
});

async function seen(): Promise<void> {
  expect(server.keys('images')).toEqual(['in/big', 'in/small é+ &.txt']);
  expect((await server.read('images', 'in/big'))?.equals(bytes)).toBe(true);
  expect((await readFile(join(folder, 'back/big'))).equals(bytes)).toBe(true);
  expect(await readFile(join(folder, 'back/small é+ &.txt'), 'utf8')).toBe('small');
  expect(server.requests.some(({ operation }) => operation === 'UploadPart')).toBe(true);
  expect(server.uploads('images')).toEqual([]);
}

describe.skipIf(needs('rclone'))('rclone', () => {
  it.each(['v4', 'v2'] as const)('copies, compares and deletes with signature %s', async (signature) => {
    server.dialect.signatures = [signature];
    const config = join(folder, 'rclone.conf');
    const options = {
      type: 's3',
      provider: 'Other',
      access_key_id: server.accessKey,
      secret_access_key: server.secretKey,
      endpoint: server.url,
      region: server.region,
      force_path_style: 'true',
      chunk_size: '5Mi',
      upload_cutoff: '5Mi',
      v2_auth: String(signature === 'v2'),
      no_check_bucket: 'true',
    };
    await writeFile(config, ['[it]', ...Object.entries(options).map(([name, value]) => `${name} = ${value}`), ''].join('\n'));
    const rclone = (...args: string[]): Promise<unknown> =>
      exec(['rclone', '--config', config, '--retries', '1', '--low-level-retries', '1', ...args], {
        cwd: folder,
        timeoutMs: 60_000,
      });
    await rclone('copy', '--include', '/big', '--include', '/small*', '.', 'it:images/in');
    await rclone('copy', 'it:images/in', 'back');
    await rclone('check', '--download', 'back', 'it:images/in');
    await seen();
    expect(new Set(server.requests.map((request) => request.signature))).toEqual(new Set([signature]));
    await rclone('delete', 'it:images/in');
    expect(server.keys('images')).toEqual([]);
  });
});

describe.skipIf(needs('s3cmd'))('s3cmd', () => {
  it.each(['v4', 'v2'] as const)('puts, gets and deletes with signature %s', async (signature) => {
    server.dialect.signatures = [signature];
    const config = join(folder, 's3cfg');
    const address = `127.0.0.1:${server.port}`;
    const options = {
      access_key: server.accessKey,
      secret_key: server.secretKey,
      host_base: address,
      host_bucket: address,
      bucket_location: server.region,
      use_https: 'False',
      multipart_chunk_size_mb: '5',
      signature_v2: signature === 'v2' ? 'True' : 'False',
    };
    await writeFile(
      config,
      ['[default]', ...Object.entries(options).map(([name, value]) => `${name} = ${value}`), ''].join('\n'),
    );
    const s3cmd = (...args: string[]): Promise<unknown> =>
      exec(['s3cmd', '-c', config, ...args], { cwd: folder, timeoutMs: 60_000 });
    await s3cmd('put', 'big', 'small é+ &.txt', 's3://images/in/');
    await mkdir(join(folder, 'back'));
    await s3cmd('get', '--recursive', 's3://images/in/', `${folder}/back/`);
    await seen();
    expect(new Set(server.requests.map((request) => request.signature))).toEqual(new Set([signature]));
    await s3cmd('del', '--recursive', '--force', 's3://images/in/');
    expect(server.keys('images')).toEqual([]);
  });
});
