import { randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { Agent, get } from 'node:https';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { defaultStoreSettings, type StoreSettings } from '../../src/model/store-settings.ts';
import { exec } from '../../src/util/exec.ts';
import type { Scope } from '../../src/util/scope.ts';

/** A real S3 on loopback, over TLS with a private authority: what all of them have in common. */
export interface S3Peer {
  /** `https://127.0.0.1:PORT`. */
  tlsEndpoint: string;
  /** The authority of its certificate: a PEM file. */
  ca: string;
  accessKey: string;
  secretKey: string;
  /** The variables that {@link S3Peer.settings} names: GABARIT_TEST_ACCESS and GABARIT_TEST_SECRET. */
  environment: Record<string, string>;
  /** Makes a bucket with a name of its own. */
  bucket(): Promise<string>;
  /** Settings of a store in a bucket: over TLS, unless they say otherwise. */
  settings(url: string, more?: Partial<StoreSettings>): StoreSettings;
}

export function s3Peer(at: Pick<S3Peer, 'tlsEndpoint' | 'ca' | 'accessKey' | 'secretKey'>, scope: Scope): S3Peer {
  const { tlsEndpoint, ca, accessKey, secretKey } = at;
  let client: S3Client | undefined;
  const open = async (): Promise<S3Client> =>
    new S3Client({
      endpoint: tlsEndpoint,
      region: 'us-east-1',
      forcePathStyle: true,
      credentials: { accessKeyId: accessKey, secretAccessKey: secretKey },
      requestHandler: new NodeHttpHandler({ httpsAgent: new Agent({ ca: await readFile(ca) }) }),
    });
  scope.defer(() => client?.destroy());
  return {
    ...at,
    environment: { GABARIT_TEST_ACCESS: accessKey, GABARIT_TEST_SECRET: secretKey },
    async bucket() {
      const name = `b-${randomBytes(6).toString('hex')}`;
      client ??= await open();
      await client.send(new CreateBucketCommand({ Bucket: name }));
      return name;
    },
    settings: (url, more = {}) => ({
      ...defaultStoreSettings(url),
      endpoint: tlsEndpoint,
      ca,
      credentials: { accessKey: 'env:GABARIT_TEST_ACCESS', secretKey: 'env:GABARIT_TEST_SECRET' },
      ...more,
    }),
  };
}

/** Several ports that were free a moment ago. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'));
  const ports = await Promise.all(
    servers.map(async (server) => {
      if (!server.listening) await new Promise((resolve) => server.once('listening', resolve));
      return (server.address() as { port: number }).port;
    }),
  );
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

/** Waits for any answer, half a minute at most. @param ca a PEM file, for `https:` */
export async function untilItAnswers(endpoint: string, log: string, ca?: string): Promise<void> {
  const authority = ca === undefined ? undefined : await readFile(ca);
  const ask = (): Promise<void> =>
    authority === undefined
      ? fetch(endpoint).then(async (answer) => void (await answer.arrayBuffer()))
      : new Promise((resolve, reject) => {
          get(endpoint, { ca: authority, agent: false }, (answer) => answer.resume().on('end', resolve)).on('error', reject);
        });
  for (let count = 0; count < 300; count += 1) {
    try {
      return await ask();
    } catch {
      await sleep(100); // Not yet.
    }
  }
  const lines = (await readFile(log, 'utf8').catch(() => 'no log')).trim().split('\n');
  throw new Error(`There is no answer at ${endpoint}: ${lines.slice(-10).join('\n')}`);
}

export interface Certificate {
  /** The authority. */
  ca: string;
  certificate: string;
  key: string;
  /** Key, certificate and authority in one. */
  bundle: string;
}

/** A private authority, and the certificate of a server by it: PEM files. */
export async function makeCertificate(folder: string): Promise<Certificate> {
  const openssl = (...argv: string[]): Promise<unknown> => exec(['openssl', ...argv], { cwd: folder });
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  await openssl('req', '-x509', ...newKey, '-keyout', 'ca.key', '-out', 'ca.pem', '-days', '2', '-subj', '/CN=Test authority');
  await openssl('req', ...newKey, '-keyout', 'server.key', '-out', 'server.csr', '-subj', '/CN=localhost');
  await writeFile(join(folder, 'names'), 'subjectAltName=IP:127.0.0.1,DNS:localhost\n');
  const by = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial'];
  await openssl('x509', '-req', '-in', 'server.csr', ...by, '-out', 'server.crt', '-days', '2', '-extfile', 'names');
  const files = {
    ca: join(folder, 'ca.pem'),
    certificate: join(folder, 'server.crt'),
    key: join(folder, 'server.key'),
    bundle: join(folder, 'server.pem'),
  };
  const parts = await Promise.all([files.key, files.certificate, files.ca].map((path) => readFile(path, 'utf8')));
  await writeFile(files.bundle, parts.join(''));
  return files;
}
