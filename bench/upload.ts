/**
 * Compares uploads to S3 with rclone, s3cmd and `aws s3 cp`, on the same radosgw in one run, and kills one of ours at 60 %:
 *   node bench/upload.ts [--size 4GiB] [--runs 3] [--folder /var/tmp] [--markdown FILE]
 * The server keeps everything in memory: it takes up to three times the size in memory, and once on the disk.
 */
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import {
  DeleteObjectCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  ListPartsCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { formatSize, parseSize } from '../src/model/size.ts';
import { exec, start } from '../src/util/exec.ts';
import { Scope } from '../src/util/scope.ts';
import { type Radosgw, startRadosgw } from '../test/peers/radosgw.ts';
import { describeMachine, packageVersion } from './build/machine.ts';
import { median } from './build/results.ts';
import { markdownTable, writeSection } from './markdown.ts';
import { countingRelay } from './upload/relay.ts';
import { watchUsage } from './upload/usage.ts';

interface Image {
  path: string;
  size: number;
  digest: string;
}

interface Tool {
  name: string;
  argv: string[];
  env: Record<string, string>;
}

interface Run {
  seconds: number;
  /** Of the processor, in user and kernel mode: also when others are busy, this hardly changes. */
  processorSeconds: number;
  /** Bytes: the most that the process itself held. */
  memory: number;
}

const key = 'disk.raw';

async function main(size: number, runs: number, parent: string, markdown: string | undefined): Promise<void> {
  await using scope = new Scope();
  // The server must not outlive us.
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => void scope.close().finally(() => process.exit(1)));
  const folder = await mkdtemp(join(parent, 'upload-'));
  scope.defer(() => rm(folder, { recursive: true }));
  const machine = await describeMachine(folder);
  const image = await makeImage(join(folder, key), size);
  const peer = await startRadosgw(join(folder, 'rgw'), scope, 3 * size + 2 ** 30);
  const bucket = await peer.bucket();
  const tools = await toolsFor(peer, bucket, image, folder);
  const results = new Map<string, Run[]>();
  // The first run of each warms nothing but the disk cache, which all share; it counts like the others.
  for (let run = 0; run < runs; run += 1) {
    for (const tool of tools) {
      const result = await measure(tool);
      await expectThere(peer, bucket, size);
      results.set(tool.name, [...(results.get(tool.name) ?? []), result]);
      process.stderr.write(`${tool.name}: ${result.seconds.toFixed(1)} s, ${formatSize(result.memory)}\n`);
    }
  }
  const resumed = await killAndResume(peer, bucket, image, scope);
  const text = report(results, resumed, size, runs, machine);
  process.stdout.write(`${text}\n`);
  if (markdown !== undefined) await writeSection(markdown, 'upload', text);
}

/** Random bytes: what images hold is compressed. */
async function makeImage(path: string, size: number): Promise<Image> {
  await using file = await open(path, 'w');
  const hash = createHash('sha256');
  for (let at = 0; at < size; at += 2 ** 24) {
    const bytes = randomBytes(Math.min(2 ** 24, size - at));
    hash.update(bytes);
    await file.write(bytes);
  }
  await file.sync();
  return { path, size, digest: `sha256:${hash.digest('hex')}` };
}

function ours(endpoint: string, ca: string, peer: Radosgw, bucket: string, { path, size, digest }: Image): Tool {
  const argv = [
    process.execPath,
    join(import.meta.dirname, 'upload/gabarit.ts'),
    `s3://${bucket}`,
    endpoint,
    ca,
    path,
    key,
    String(size),
    digest,
  ];
  return { name: 'gabarit', argv, env: peer.environment };
}

/** Each with its own defaults, over TLS with the same authority. */
async function toolsFor(peer: Radosgw, bucket: string, image: Image, folder: string): Promise<Tool[]> {
  const { accessKey, secretKey, tlsEndpoint, ca } = peer;
  const host = new URL(tlsEndpoint).host;
  const s3cfg = join(folder, 's3cfg');
  const lines = [
    `access_key = ${accessKey}`,
    `secret_key = ${secretKey}`,
    `host_base = ${host}`,
    `host_bucket = ${host}`,
    `ca_certs_file = ${ca}`,
  ];
  await writeFile(s3cfg, `[default]\n${lines.join('\n')}\nuse_https = True\n`);
  const version = async (name: string): Promise<string> => `${name} ${(await packageVersion(name)) ?? '(of unknown version)'}`;
  const rclone = {
    RCLONE_CONFIG_PEER_TYPE: 's3',
    RCLONE_CONFIG_PEER_PROVIDER: 'Ceph',
    RCLONE_CONFIG_PEER_ENDPOINT: tlsEndpoint,
    RCLONE_CONFIG_PEER_ACCESS_KEY_ID: accessKey,
    RCLONE_CONFIG_PEER_SECRET_ACCESS_KEY: secretKey,
  };
  const aws = {
    AWS_ACCESS_KEY_ID: accessKey,
    AWS_SECRET_ACCESS_KEY: secretKey,
    AWS_DEFAULT_REGION: 'us-east-1',
    AWS_CA_BUNDLE: ca,
  };
  return [
    ours(tlsEndpoint, ca, peer, bucket, image),
    {
      name: await version('rclone'),
      argv: ['rclone', '--ca-cert', ca, '--config', '/dev/null', 'copyto', image.path, `peer:${bucket}/${key}`],
      env: rclone,
    },
    {
      name: await version('s3cmd'),
      argv: ['s3cmd', '-c', s3cfg, '--no-progress', 'put', image.path, `s3://${bucket}/${key}`],
      env: {},
    },
    {
      name: await version('awscli'),
      argv: ['aws', '--endpoint-url', tlsEndpoint, 's3', 'cp', '--no-progress', image.path, `s3://${bucket}/${key}`],
      env: aws,
    },
  ];
}

async function measure({ argv, env }: Tool): Promise<Run> {
  await exec(['sync']);
  const startMs = performance.now();
  const child = start(argv, { env, stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (said += text));
  const usage = watchUsage(child.pid);
  const [code] = (await once(child, 'exit')) as [number | null];
  usage.stop();
  if (code !== 0) throw new Error(`${argv.join(' ')} failed: ${said}`);
  return { seconds: (performance.now() - startMs) / 1000, ...usage.last() };
}

/** Removed objects leave the server's memory a little later. */
const collectMs = 6000;

function clientOf({ endpoint, accessKey, secretKey }: Radosgw): S3Client {
  const credentials = { accessKeyId: accessKey, secretAccessKey: secretKey };
  return new S3Client({ endpoint, region: 'us-east-1', forcePathStyle: true, credentials });
}

/** The object has its size; then it is removed, and the server's memory with it. */
async function expectThere(peer: Radosgw, bucket: string, size: number): Promise<void> {
  const client = clientOf(peer);
  const { ContentLength } = await client.send(new HeadObjectCommand({ Bucket: bucket, Key: key }));
  if (ContentLength !== size) throw new Error(`${ContentLength} bytes arrived instead of ${size}`);
  await client.send(new DeleteObjectCommand({ Bucket: bucket, Key: key }));
  client.destroy();
  await sleep(collectMs);
}

interface Resumed {
  finished: number;
  sentAgain: number;
}

async function killAndResume(peer: Radosgw, bucket: string, image: Image, scope: Scope): Promise<Resumed> {
  // Over plain HTTP, where what passes can be counted.
  const relay = await countingRelay(Number(new URL(peer.endpoint).port), scope);
  const tool = ours(relay.endpoint, '', peer, bucket, image);
  const child = start(tool.argv, { env: tool.env, stdio: ['ignore', 'ignore', 'ignore'] });
  const ended = once(child, 'exit');
  while (relay.sent() < 0.6 * image.size && child.exitCode === null) await sleep(5);
  child.kill('SIGKILL');
  await ended;
  const finished = await finishedBytes(peer, bucket);
  const before = relay.sent();
  await measure(tool);
  await expectThere(peer, bucket, image.size);
  return { finished, sentAgain: Math.max(0, relay.sent() - before - (image.size - finished)) };
}

async function finishedBytes(peer: Radosgw, bucket: string): Promise<number> {
  const client = clientOf(peer);
  const { Uploads = [] } = await client.send(new ListMultipartUploadsCommand({ Bucket: bucket }));
  let bytes = 0;
  for (const { Key, UploadId } of Uploads) {
    const { Parts = [] } = await client.send(new ListPartsCommand({ Bucket: bucket, Key, UploadId }));
    for (const { Size = 0 } of Parts) bytes += Size;
  }
  client.destroy();
  return bytes;
}

function report(
  results: Map<string, Run[]>,
  { finished, sentAgain }: Resumed,
  size: number,
  runs: number,
  machine: Awaited<ReturnType<typeof describeMachine>>,
): string {
  const secondsOf = (of: Run[]): number => median(of.map(({ seconds }) => seconds));
  const fastestPeer = Math.min(...[...results].flatMap(([name, of]) => (name === 'gabarit' ? [] : [secondsOf(of)])));
  const rows = [...results].map(([name, of]) => [
    name,
    secondsOf(of).toFixed(1),
    of.map(({ seconds }) => seconds.toFixed(1)).join(', '),
    median(of.map(({ processorSeconds }) => processorSeconds)).toFixed(1),
    formatSize(Math.round(size / secondsOf(of))),
    formatSize(Math.max(...of.map(({ memory }) => memory))),
  ]);
  const ourSeconds = secondsOf(results.get('gabarit') ?? []);
  const kept = 100 * (1 - sentAgain / finished);
  return [
    `${formatSize(size)} of random bytes, ${runs} runs each, in turns; ${cpus().length} cores (${machine.processor}), ${machine.memoryGiB} GiB, ${machine.fileSystem}, Linux ${machine.kernel}, Node ${machine.node}; load at the start ${machine.load.toFixed(2)}${machine.quiet ? '' : ': **not quiet, so not clean**'}.`,
    '',
    markdownTable(['', 'median s', 'all s', 'processor s', 'bytes/s', 'largest RSS'], rows),
    '',
    `Against the fastest peer: ${(fastestPeer / ourSeconds).toFixed(2)} times its speed. Killed at 60 %: ${formatSize(finished)} had arrived, ${formatSize(sentAgain)} of it were sent again: ${kept.toFixed(1)} % were not.`,
  ].join('\n');
}

const { values } = parseArgs({
  options: {
    size: { type: 'string', default: '4GiB' },
    runs: { type: 'string', default: '3' },
    folder: { type: 'string', default: '/var/tmp' },
    markdown: { type: 'string' },
  },
});
const size = parseSize(values.size);
if (size === undefined) throw new Error(`"${values.size}" is not a size`);
await main(size, Number(values.runs), values.folder, values.markdown);
process.exit();
