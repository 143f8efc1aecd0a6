import { randomBytes } from 'node:crypto';
import { copyFile, mkdir, open } from 'node:fs/promises';
import { join } from 'node:path';
import { killGroup, start } from '../../src/util/exec.ts';
import type { Scope } from '../../src/util/scope.ts';
import { hasTool } from '../tools.ts';
import { freePorts, makeCertificate, type S3Peer, s3Peer, untilItAnswers } from './s3-peer.ts';

/**
 * For `describe.skipIf`. Debian has no MinIO, so that REQUIRE_TOOLS does not ask for it:
 * `GOBIN=/usr/local/bin go install github.com/minio/minio@latest`.
 */
export function lacksMinio(): boolean {
  return !hasTool('minio') || !hasTool('openssl');
}

/** A real MinIO with one folder, over TLS with a private authority, in an empty folder, which stays. It is gone with the scope. */
export async function startMinio(folder: string, scope: Scope): Promise<S3Peer> {
  for (const name of ['certs', 'data', 'home']) await mkdir(join(folder, name), { recursive: true });
  const { ca, certificate, key } = await makeCertificate(folder);
  await copyFile(certificate, join(folder, 'certs/public.crt'));
  await copyFile(key, join(folder, 'certs/private.key'));
  const [port, console] = await freePorts(2);
  const [accessKey, secretKey] = [`KEY${randomBytes(8).toString('hex')}`, randomBytes(16).toString('hex')];
  const log = join(folder, 'log');
  await using output = await open(log, 'w');
  const listen = ['--address', `127.0.0.1:${port}`, '--console-address', `127.0.0.1:${console}`];
  const child = start(['minio', 'server', ...listen, '--certs-dir', join(folder, 'certs'), join(folder, 'data')], {
    env: {
      HOME: join(folder, 'home'),
      MINIO_ROOT_USER: accessKey,
      MINIO_ROOT_PASSWORD: secretKey,
      MINIO_BROWSER: 'off',
      MINIO_UPDATE: 'off',
    },
    stdio: ['ignore', output.fd, output.fd],
  });
  scope.defer(() => killGroup(child));
  const tlsEndpoint = `https://127.0.0.1:${port}`;
  await untilItAnswers(`${tlsEndpoint}/minio/health/ready`, log, ca);
  return s3Peer({ tlsEndpoint, ca, accessKey, secretKey }, scope);
}
