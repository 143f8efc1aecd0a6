import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { GetObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Manifest } from '../../src/model/manifest.ts';
import { exec, type ExecResult } from '../../src/util/exec.ts';
import { Scope } from '../../src/util/scope.ts';
import { needsRadosgw, type Radosgw, startRadosgw } from '../peers/radosgw.ts';
import { builtImage, removeBuiltImages } from './built-image.ts';

const main = join(import.meta.dirname, '../../src/cli/main.ts');

describe.skipIf(needsRadosgw())('a built image, an S3 over TLS with a private authority, and the command line', () => {
  const scope = new Scope();
  let peer: Radosgw;
  let folder = '';
  let output = '';
  let bucket = '';
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 's3-'));
    scope.defer(() => rm(folder, { recursive: true }));
    scope.defer(removeBuiltImages);
    output = dirname((await builtImage('debian-12-minimal')).disk);
    peer = await startRadosgw(join(folder, 'rgw'), scope);
    bucket = await peer.bucket();
    const lines = [
      `url: s3://${bucket}`,
      `endpoint: ${peer.tlsEndpoint}`,
      `ca: ${peer.ca}`,
      'credentials: { accessKey: env:GABARIT_TEST_ACCESS, secretKey: env:GABARIT_TEST_SECRET }',
    ];
    await writeFile(join(folder, 'gabarit.yaml'), `stores:\n  templates:\n${lines.map((line) => `    ${line}\n`).join('')}`);
  });
  afterAll(() => scope.close());

  /** Runs a command as somebody on a machine of that name, with nothing on it but what earlier commands there left. */
  function gabarit(machine: string, ...args: string[]): Promise<ExecResult> {
    const home = join(folder, machine);
    const env = { ...peer.environment, HOME: home, GABARIT_STATE: join(home, 'state'), GABARIT_KEYS: join(home, 'keys') };
    const argv = [process.execPath, main, '--config', join(folder, 'gabarit.yaml'), ...args];
    return exec(argv, { env, okExitCodes: [0, 1, 2, 5, 6, 7] });
  }

  it('publish, promote, and verify from a machine that knows nothing; one wrong byte is found', async () => {
    const { template, version, artifacts } = JSON.parse(await readFile(join(output, 'manifest.json'), 'utf8')) as Manifest;
    expect((await gabarit('publisher', 'key', 'new')).exitCode).toBe(0);
    const published = await gabarit('publisher', 'publish', output, '--store', `s3://${bucket}`, '--channel', 'dev');
    expect(published).toMatchObject({
      exitCode: 0,
      stdout: expect.stringContaining(`${template}@${version} is in s3://${bucket}`),
    });
    const promoted = await gabarit('publisher', 'catalog', 'promote', `${template}@dev`, 'stable', '--store', 'templates');
    expect(promoted).toMatchObject({ exitCode: 0, stdout: expect.stringContaining(`${template}@stable is ${version} now`) });
    expect(await gabarit('reader', 'verify', `${template}@stable`, '--store', 'templates')).toMatchObject({ exitCode: 0 });

    const disk = artifacts[0]?.name ?? '';
    const shown = await gabarit('reader', 'catalog', 'show', `${template}@stable`, '--store', 'templates', '--json');
    const { image } = JSON.parse(shown.stdout) as { image: { artifacts: { key: string }[] } };
    const key = image.artifacts.find((artifact) => artifact.key.endsWith(disk))?.key ?? '';
    await flipByte(key);
    for (const machine of ['reader', 'another reader']) {
      const verified = await gabarit(machine, 'verify', `${template}@stable`, '--store', 'templates');
      expect(verified.exitCode).not.toBe(0);
      expect(verified.stdout + verified.stderr).toContain(disk);
    }
  });

  /** Changes one byte of an object and nothing else of it. */
  async function flipByte(key: string): Promise<void> {
    const { endpoint, accessKey, secretKey } = peer;
    const credentials = { accessKeyId: accessKey, secretAccessKey: secretKey };
    const client = new S3Client({ endpoint, region: 'us-east-1', forcePathStyle: true, credentials });
    const { Body, Metadata } = await client.send(new GetObjectCommand({ Bucket: bucket, Key: key }));
    const bytes = Buffer.from((await Body?.transformToByteArray()) ?? []);
    const at = Math.floor(bytes.length / 2);
    bytes[at] = (bytes[at] ?? 0) ^ 1;
    await client.send(new PutObjectCommand({ Bucket: bucket, Key: key, Body: bytes, ...(Metadata ? { Metadata } : {}) }));
    client.destroy();
  }
});
