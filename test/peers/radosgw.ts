import { randomBytes, randomUUID } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import type { StoreSettings } from '../../src/model/store-settings.ts';
import { defaultStoreSettings } from '../../src/model/store-settings.ts';
import { exec, killGroup, start } from '../../src/util/exec.ts';
import type { Scope } from '../../src/util/scope.ts';
import { needs } from '../tools.ts';

/**
 * A real S3: Ceph's radosgw on loopback, with a monitor and a store in memory of its own, over plain HTTP and over TLS with a private
 * authority. It is there within about ten seconds, and gone with the scope.
 */
export interface Radosgw {
  /** `http://127.0.0.1:PORT`, and the same over TLS. */
  endpoint: string;
  tlsEndpoint: string;
  /** The authority of its certificate: a PEM file. */
  ca: string;
  accessKey: string;
  secretKey: string;
  /** Of somebody who has no right to the buckets. */
  stranger: { accessKey: string; secretKey: string };
  /** The variables that {@link Radosgw.settings} names: GABARIT_TEST_ACCESS and GABARIT_TEST_SECRET. */
  environment: Record<string, string>;
  /** Makes a bucket with a name of its own. */
  bucket(): Promise<string>;
  /** Settings of a store in a bucket: over TLS, unless they say otherwise. */
  settings(url: string, more?: Partial<StoreSettings>): StoreSettings;
}

const tools = ['ceph', 'ceph-authtool', 'ceph-mon', 'ceph-osd', 'monmaptool', 'radosgw', 'radosgw-admin', 'openssl'];

/** For `describe.skipIf`. */
export function needsRadosgw(): boolean {
  return needs(...tools);
}

/** Several ports that were free a moment ago. */
async function freePorts(count: number): Promise<number[]> {
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

/** Cephx wants secrets that this set-up does without: authentication is off, and connections are bound to loopback. */
function configuration(folder: string, fsid: string, [v2, v1, http, https]: number[], deviceBytes: number): string {
  return `[global]
fsid = ${fsid}
mon host = [v2:127.0.0.1:${v2},v1:127.0.0.1:${v1}]
ms mon client mode = crc
ms mon cluster mode = crc
ms mon service mode = crc
public addr = 127.0.0.1
cluster addr = 127.0.0.1
auth cluster required = none
auth service required = none
auth client required = none
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 8
osd crush chooseleaf type = 0
mon allow pool size one = true
mon max pg per osd = 1000
mon data avail warn = 1
mon data avail crit = 1
paxos propose interval = 0.1
paxos min wait = 0.01
run dir = ${folder}/asok
admin socket = ${folder}/asok/$name.$pid.asok
log file = ${folder}/log/$name.log
keyring = ${folder}/keyring
[mon]
mon data = ${folder}/mon
mon initial members = a
[osd]
osd data = ${folder}/osd
osd objectstore = memstore
memstore device bytes = ${deviceBytes}
[client]
rgw data = ${folder}/rgw
rgw gc obj min wait = 1
rgw gc processor period = 2
rgw gc processor max time = 60
rgw frontends = beast endpoint=127.0.0.1:${http} ssl_endpoint=127.0.0.1:${https} ssl_certificate=${folder}/server.pem
`;
}

/**
 * Starts one in a folder (which must be empty, with a short path: sockets lie in it). The folder stays.
 * @param deviceBytes what it can hold, in memory; when that is full, it answers no more
 */
export async function startRadosgw(folder: string, scope: Scope, deviceBytes = 6 * 2 ** 30): Promise<Radosgw> {
  for (const name of ['mon', 'osd', 'rgw', 'asok', 'log']) await mkdir(join(folder, name), { recursive: true });
  const ca = await makeCertificate(folder);
  const ports = await freePorts(4);
  const [fsid, osd] = [randomUUID(), randomUUID()];
  const config = join(folder, 'ceph.conf');
  await writeFile(config, configuration(folder, fsid, ports, deviceBytes));
  const [keyring, monmap] = [join(folder, 'keyring'), join(folder, 'monmap')];
  const run = (...argv: string[]): Promise<unknown> => exec(argv, { timeoutMs: 60_000 });
  const keep = (...argv: string[]): void => {
    const child = start([...argv, '-c', config, '-f'], { stdio: ['ignore', 'ignore', 'ignore'] });
    scope.defer(() => killGroup(child));
  };

  await run('ceph-authtool', '--create-keyring', keyring, '--gen-key', '-n', 'mon.', '--cap', 'mon', 'allow *');
  const everything = ['mon', 'osd', 'mgr'].flatMap((daemon) => ['--cap', daemon, 'allow *']);
  await run('ceph-authtool', keyring, '--gen-key', '-n', 'client.admin', ...everything);
  await run(
    'monmaptool',
    '--create',
    '--fsid',
    fsid,
    '--addv',
    'a',
    `[v2:127.0.0.1:${ports[0]},v1:127.0.0.1:${ports[1]}]`,
    monmap,
  );
  await run('ceph-mon', '-c', config, '--mkfs', '-i', 'a', '--monmap', monmap, '--keyring', keyring);
  keep('ceph-mon', '-i', 'a');
  await run('ceph', '-c', config, 'osd', 'new', osd);
  await run('ceph-osd', '-c', config, '-i', '0', '--mkfs', '--osd-uuid', osd);
  keep('ceph-osd', '-i', '0');
  keep('radosgw', '-n', 'client.admin');
  const endpoint = `http://127.0.0.1:${ports[2]}`;
  await answers(endpoint, join(folder, 'log/client.admin.log'));

  const addUser = async (name: string): Promise<{ accessKey: string; secretKey: string }> => {
    const [accessKey, secretKey] = [`KEY${randomBytes(8).toString('hex')}`, randomBytes(16).toString('hex')];
    const keys = [`--access-key=${accessKey}`, `--secret-key=${secretKey}`];
    await run('radosgw-admin', '-c', config, 'user', 'create', `--uid=${name}`, `--display-name=${name}`, ...keys);
    return { accessKey, secretKey };
  };
  const owner = await addUser('owner');
  const stranger = await addUser('stranger');
  const { accessKey, secretKey } = owner;
  const client = new S3Client({
    endpoint,
    region: 'us-east-1',
    forcePathStyle: true,
    credentials: { accessKeyId: accessKey, secretAccessKey: secretKey },
  });
  scope.defer(() => client.destroy());
  const tlsEndpoint = `https://127.0.0.1:${ports[3]}`;
  return {
    endpoint,
    tlsEndpoint,
    ca,
    ...owner,
    stranger,
    environment: { GABARIT_TEST_ACCESS: accessKey, GABARIT_TEST_SECRET: secretKey },
    async bucket() {
      const name = `b-${randomBytes(6).toString('hex')}`;
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

async function answers(endpoint: string, log: string): Promise<void> {
  for (let count = 0; count < 300; count += 1) {
    try {
      await (await fetch(endpoint)).arrayBuffer();
      return;
    } catch {
      await sleep(100); // Not yet.
    }
  }
  const lines = (await readFile(log, 'utf8').catch(() => 'no log')).trim().split('\n');
  throw new Error(`radosgw does not answer at ${endpoint}: ${lines.slice(-10).join('\n')}`);
}

/** A private authority, and the certificate of the server by it; the server reads both of its parts from one file. */
async function makeCertificate(folder: string): Promise<string> {
  const openssl = (...argv: string[]): Promise<unknown> => exec(['openssl', ...argv], { cwd: folder });
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  await openssl('req', '-x509', ...newKey, '-keyout', 'ca.key', '-out', 'ca.pem', '-days', '2', '-subj', '/CN=Test authority');
  await openssl('req', ...newKey, '-keyout', 'server.key', '-out', 'server.csr', '-subj', '/CN=localhost');
  await writeFile(join(folder, 'names'), 'subjectAltName=IP:127.0.0.1,DNS:localhost\n');
  const by = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial'];
  await openssl('x509', '-req', '-in', 'server.csr', ...by, '-out', 'server.crt', '-days', '2', '-extfile', 'names');
  const parts = await Promise.all(['server.key', 'server.crt', 'ca.pem'].map((name) => readFile(join(folder, name), 'utf8')));
  await writeFile(join(folder, 'server.pem'), parts.join(''));
  return join(folder, 'ca.pem');
}
