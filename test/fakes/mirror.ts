import { createHash, randomBytes } from 'node:crypto';
import { mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { exec } from '../../src/util/exec.ts';

/** A package of a fake mirror; a real .deb with one file of random bytes is made of it. */
export interface FakePackage {
  name: string;
  version?: string;
  depends?: string;
  conflicts?: string;
  essential?: boolean;
  /** Bytes of its file: 2000 by default. */
  size?: number;
}

/** Answers a request in its own way and returns true, or leaves it alone. */
export type Misbehaviour = (response: ServerResponse, body: Buffer, request: IncomingMessage) => boolean | void;

export interface FakeMirror {
  /** What stands before `dists/`. */
  uri: string;
  suite: string;
  /** The file with the public key that signs it. */
  keyring: string;
  /** Every request so far: `GET /path`, or `GET /path bytes=5-`. */
  requests: string[];
  /** Its folder: what is written there is served. */
  folder: string;
  /** How requests are answered whose path ends in `suffix`; undefined: properly again. */
  misbehave(suffix: string, how: Misbehaviour | undefined): void;
  /** The path below `uri` of a package's file. */
  pathOf(name: string): string;
  /** Writes indexes and release file again and signs them: the packages as they now are. */
  publish(options?: PublishOptions): Promise<void>;
  close(): Promise<void>;
}

export interface PublishOptions {
  /** Whose key signs: by default the mirror's own. `nobody`: there is no signature at all. */
  signedBy?: 'own' | 'stranger' | 'nobody';
  /** Seconds since 1970. */
  date?: number;
  validUntil?: number;
}

const suite = 'test';

/** Starts a small signed Debian repository on the loopback interface. Everything it keeps lies in `folder`. */
export async function startMirror(folder: string, packages: FakePackage[]): Promise<FakeMirror> {
  const root = join(folder, 'root');
  await mkdir(join(root, 'pool'), { recursive: true });
  const keys = await makeKeys(join(folder, 'gnupg'));
  for (const item of packages) await buildPackage(item, folder, join(root, pathOf(item.name)));
  const requests: string[] = [];
  const behaviours = new Map<string, Misbehaviour>();
  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const path = decodeURIComponent(request.url ?? '/');
    requests.push(['GET', path, request.headers.range].filter(Boolean).join(' '));
    const body = await readFile(join(root, path)).catch(() => undefined);
    for (const [suffix, how] of behaviours)
      if (path.endsWith(suffix) && how(response, body ?? Buffer.alloc(0), request) === true) return;
    if (body === undefined) response.writeHead(404).end();
    else serve(response, body, request);
  };
  const server = createServer((request, response) => void handle(request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const mirror: FakeMirror = {
    uri: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    suite,
    keyring: join(folder, 'own.asc'),
    requests,
    folder: root,
    misbehave: (suffix, how) => void (how === undefined ? behaviours.delete(suffix) : behaviours.set(suffix, how)),
    pathOf,
    publish: (options = {}) => writeIndexes(root, packages, keys, options),
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await exec(['gpgconf', '--homedir', keys, '--kill', 'all']);
    },
  };
  await writeFile(mirror.keyring, (await gpg(keys, ['--export', '--armor', 'own'])).stdout);
  await mirror.publish();
  return mirror;
}

function pathOf(name: string): string {
  return `pool/${name}.deb`;
}

/** Sends a file, or the part of it that is asked for. */
function serve(response: ServerResponse, body: Buffer, request: IncomingMessage): void {
  const start = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? Number.NaN);
  const partial = start < body.length;
  response.writeHead(partial ? 206 : 200, {
    'content-length': body.length - (partial ? start : 0),
    ...(partial ? { 'content-range': `bytes ${start}-${body.length - 1}/${body.length}` } : {}),
  });
  response.end(partial ? body.subarray(start) : body);
}

/** Sends that many bytes of the whole length, and breaks the connection after a moment. */
export function breakAfter(bytes: number): Misbehaviour {
  return (response, body) => {
    response.writeHead(200, { 'content-length': body.length });
    response.write(body.subarray(0, bytes));
    // Later, so that the bytes are read before the fault is seen.
    setTimeout(() => response.destroy(), 100);
    return true;
  };
}

/** Answers with that status and nothing else. */
export function answer(status: number): Misbehaviour {
  return (response) => {
    response.writeHead(status).end();
    return true;
  };
}

/** Answers with other bytes. */
export function replaceBy(change: (body: Buffer) => Buffer): Misbehaviour {
  return (response, body) => {
    response.end(change(body));
    return true;
  };
}

/** Behaves in that way for the first `times` requests, then properly. */
export function atFirst(times: number, how: Misbehaviour): Misbehaviour {
  let left = times;
  return (response, body, request) => left-- > 0 && how(response, body, request);
}

/** The same bytes but one. */
export function withOneByteChanged(body: Buffer): Buffer {
  const changed = Buffer.from(body);
  const at = Math.floor(body.length / 2);
  changed[at] = (changed[at] ?? 0) ^ 1;
  return changed;
}

async function gpg(home: string, args: string[], input?: string): Promise<{ stdout: string }> {
  const options = ['--homedir', home, '--batch', '--quiet', '--pinentry-mode', 'loopback', '--passphrase', ''];
  return exec(['gpg', ...options, ...args], input === undefined ? {} : { input });
}

/** Two throw-away keys: the mirror's own, and a stranger's. */
async function makeKeys(home: string): Promise<string> {
  await mkdir(home, { mode: 0o700 });
  for (const name of ['own', 'stranger']) await gpg(home, ['--quick-generate-key', name, 'ed25519', 'sign', 'never']);
  return home;
}

async function buildPackage(item: FakePackage, folder: string, deb: string): Promise<void> {
  const tree = join(folder, 'tree');
  await mkdir(join(tree, 'DEBIAN'), { recursive: true });
  await mkdir(join(tree, 'usr/share', item.name), { recursive: true });
  await writeFile(join(tree, 'DEBIAN/control'), `${controlOf(item)}\n`);
  // Random bytes cannot be compressed: the package is as large as was asked for.
  await writeFile(join(tree, 'usr/share', item.name, 'data'), randomBytes(item.size ?? 2000));
  await exec(['dpkg-deb', '--root-owner-group', '--build', tree, deb]);
  await rm(tree, { recursive: true });
}

function controlOf({ name, version = '1.0', depends, conflicts, essential }: FakePackage): string {
  const optional = { Depends: depends, Conflicts: conflicts, Essential: essential ? 'yes' : undefined };
  return [
    `Package: ${name}`,
    `Version: ${version}`,
    'Architecture: all',
    'Maintainer: Nobody <nobody@mirror.example>',
    ...Object.entries(optional).flatMap(([key, value]) => (value === undefined ? [] : [`${key}: ${value}`])),
    'Description: a package of a test',
  ].join('\n');
}

async function writeIndexes(root: string, packages: FakePackage[], keys: string, options: PublishOptions): Promise<void> {
  const dist = join(root, 'dists', suite);
  await mkdir(join(dist, 'main/binary-amd64'), { recursive: true });
  const stanzas = packages.map(async (item) => {
    const path = pathOf(item.name);
    const body = await readFile(join(root, path));
    return `${controlOf(item)}\nFilename: ${path}\nSize: ${body.length}\nSHA256: ${sha256(body)}\n`;
  });
  const index = (await Promise.all(stanzas)).join('\n');
  const name = 'main/binary-amd64/Packages';
  await writeFile(join(dist, name), index);
  const date = (seconds: number): string => new Date(seconds * 1000).toUTCString();
  const release = [
    'Origin: Test',
    `Suite: ${suite}`,
    `Codename: ${suite}`,
    `Date: ${date(options.date ?? Math.floor(Date.now() / 1000) - 60)}`,
    ...(options.validUntil === undefined ? [] : [`Valid-Until: ${date(options.validUntil)}`]),
    'Architectures: amd64',
    'Components: main',
    'SHA256:',
    ` ${sha256(Buffer.from(index))} ${(await stat(join(dist, name))).size} ${name}`,
    '',
  ].join('\n');
  const { signedBy = 'own' } = options;
  const signed = signedBy === 'nobody' ? release : (await gpg(keys, ['--local-user', signedBy, '--clear-sign'], release)).stdout;
  await writeFile(join(dist, 'InRelease'), signed);
}

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}
