// eslint-disable-next-line no-restricted-imports -- for arguments that util/exec refuses, see `admin`
import { execFile } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { exec, killGroup, start } from '../../src/util/exec.ts';
import type { Scope } from '../../src/util/scope.ts';
import { needs } from '../tools.ts';
import { freePorts, makeCertificate, type S3Peer, s3Peer, untilItAnswers } from './s3-peer.ts';

/**
 * A real S3: Ceph's radosgw on loopback, with a monitor and a store in memory of its own, over plain HTTP and over TLS with a private
 * authority. It is there within about ten seconds, and gone with the scope.
 */
export interface Radosgw extends S3Peer {
  /** `http://127.0.0.1:PORT`. */
  endpoint: string;
  /** Of somebody who has no right to the buckets. */
  stranger: { accessKey: string; secretKey: string };
  /** Gives the owner of the buckets one more pair of keys, or takes one away. */
  addKey(): Promise<{ accessKey: string; secretKey: string }>;
  removeKey(accessKey: string): Promise<void>;
}

const tools = ['ceph', 'ceph-authtool', 'ceph-mon', 'ceph-osd', 'monmaptool', 'radosgw', 'radosgw-admin', 'openssl'];

/** For `describe.skipIf`. */
export function needsRadosgw(): boolean {
  return needs(...tools);
}

/** Cephx wants secrets that this set-up does without: authentication is off, and connections are bound to loopback. */
function configuration(
  folder: string,
  bundle: string,
  fsid: string,
  [v2, v1, http, https]: number[],
  deviceBytes: number,
): string {
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
rgw frontends = beast endpoint=127.0.0.1:${http} ssl_endpoint=127.0.0.1:${https} ssl_certificate=${bundle}
`;
}

/**
 * Starts one in a folder (which must be empty, with a short path: sockets lie in it). The folder stays.
 * @param deviceBytes what it can hold, in memory; when that is full, it answers no more
 */
export async function startRadosgw(folder: string, scope: Scope, deviceBytes = 6 * 2 ** 30): Promise<Radosgw> {
  for (const name of ['mon', 'osd', 'rgw', 'asok', 'log']) await mkdir(join(folder, name), { recursive: true });
  const { ca, bundle } = await makeCertificate(folder);
  const ports = await freePorts(4);
  const [fsid, osd] = [randomUUID(), randomUUID()];
  const config = join(folder, 'ceph.conf');
  await writeFile(config, configuration(folder, bundle, fsid, ports, deviceBytes));
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
  await untilItAnswers(endpoint, join(folder, 'log/client.admin.log'));

  const addUser = async (name: string): Promise<{ accessKey: string; secretKey: string }> => {
    const { accessKey, secretKey } = newKeys();
    const keys = [`--access-key=${accessKey}`, `--secret-key=${secretKey}`];
    await run('radosgw-admin', '-c', config, 'user', 'create', `--uid=${name}`, `--display-name=${name}`, ...keys);
    return { accessKey, secretKey };
  };
  const owner = await addUser('owner');
  const stranger = await addUser('stranger');
  // Not by util/exec, which rightly refuses arguments that are known as secrets: these keys are in use.
  const admin = (...argv: string[]): Promise<unknown> => promisify(execFile)('radosgw-admin', ['-c', config, ...argv]);
  const tlsEndpoint = `https://127.0.0.1:${ports[3]}`;
  return {
    endpoint,
    ...s3Peer({ tlsEndpoint, ca, ...owner }, scope),
    stranger,
    async addKey() {
      const keys = newKeys();
      const given = [`--access-key=${keys.accessKey}`, `--secret-key=${keys.secretKey}`];
      await admin('key', 'create', '--uid=owner', '--key-type=s3', ...given);
      return keys;
    },
    async removeKey(accessKey) {
      await admin('key', 'rm', '--uid=owner', '--key-type=s3', `--access-key=${accessKey}`);
    },
  };
}

function newKeys(): { accessKey: string; secretKey: string } {
  return { accessKey: `KEY${randomBytes(8).toString('hex')}`, secretKey: randomBytes(16).toString('hex') };
}
