import { X509Certificate } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer as createPlainServer } from 'node:http';
import { createServer, type ServerOptions } from 'node:https';
import type { AddressInfo, LookupFunction } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { needs } from '../../../../test/tools.ts';
import type { StoreProbe } from '../../../model/store-diagnosis.ts';
import { exec } from '../../../util/exec.ts';
import { Scope } from '../../../util/scope.ts';
import { probeTls } from './certificate.ts';

let folder = '';
let scope = new Scope();
afterEach(async () => {
  await scope.close();
  scope = new Scope();
});

const everything: LookupFunction = (_name, options, done) =>
  options.all ? done(null, [{ address: '127.0.0.1', family: 4 }]) : done(null, '127.0.0.1', 4);

async function openssl(...argv: string[]): Promise<void> {
  await exec(['openssl', ...argv], { cwd: folder });
}

const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];

/** A certificate by another one, or by itself, in NAME.pem and NAME.key. -1 day: it ended yesterday. */
async function make(name: string, options: { by?: string; days?: number; names?: string; isAuthority?: boolean }): Promise<void> {
  const { by, days = 90, names, isAuthority = false } = options;
  await openssl('req', ...newKey, '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', `/O=Test/CN=${name}`);
  const extensions = isAuthority
    ? 'basicConstraints=critical,CA:TRUE\n'
    : `subjectAltName=${names ?? 'DNS:s3.test,IP:127.0.0.1'}\n`;
  await writeFile(join(folder, `${name}.ext`), extensions);
  const signer = by === undefined ? ['-signkey', `${name}.key`] : ['-CA', `${by}.pem`, '-CAkey', `${by}.key`, '-CAcreateserial'];
  await openssl(
    'x509',
    '-req',
    '-in',
    `${name}.csr`,
    ...signer,
    '-days',
    String(days),
    '-extfile',
    `${name}.ext`,
    '-out',
    `${name}.pem`,
  );
}

function read(name: string): Promise<string> {
  return readFile(join(folder, name), 'utf8');
}

interface Served extends ServerOptions {
  certificate?: string;
  /** Sent along. */
  chain?: string[];
}

async function serve({ certificate = 'server', chain = [], ...options }: Served): Promise<number> {
  const certificates = await Promise.all([certificate, ...chain].map((name) => read(`${name}.pem`)));
  const server = createServer({ key: await read(`${certificate}.key`), cert: certificates.join(''), ...options });
  // A handshake that the client gives up is what is wanted here.
  server.on('tlsClientError', () => undefined);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  scope.defer(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return (server.address() as AddressInfo).port;
}

async function probe(port: number, options: { host?: string; ca?: string; protocol?: string } = {}): Promise<StoreProbe> {
  const { host = 's3.test', ca, protocol = 'https' } = options;
  return probeTls({
    endpoint: new URL(`${protocol}://${host}:${port}`),
    lookup: everything,
    timeoutMs: 3000,
    signal: new AbortController().signal,
    ...(ca === undefined ? {} : { ca: await read(`${ca}.pem`), caFile: `/etc/${ca}.pem` }),
  });
}

async function fingerprintOf(name: string): Promise<string> {
  return new X509Certificate(await read(`${name}.pem`)).fingerprint256;
}

describe.skipIf(needs('openssl'))('TLS', () => {
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'gabarit-tls-'));
    await make('authority', { isAuthority: true });
    await make('stranger', { isAuthority: true });
    await make('intermediate', { isAuthority: true, by: 'authority' });
    await make('server', { by: 'authority' });
    await make('deep', { by: 'intermediate' });
    await make('expired', { by: 'authority', days: -1 });
    await make('ending', { by: 'authority', days: 3 });
    await make('lone', {});
  });
  afterAll(() => rm(folder, { recursive: true }));

  it('passes with an authority of its own, and says until when', async () => {
    const port = await serve({});
    expect(await probe(port, { ca: 'authority' })).toMatchObject({
      status: 'pass',
      found: expect.stringMatching(/^TLSv1\.3, certificate of "server" by "authority", valid for (89|90) more days$/) as string,
    });
    expect(await probe(port, { ca: 'authority', host: '127.0.0.1' })).toMatchObject({ status: 'pass' });
    const ending = await probe(await serve({ certificate: 'ending' }), { ca: 'authority' });
    expect(ending).toMatchObject({ status: 'warn', hint: expect.stringContaining('Renew it now') as string });
    const deep = await serve({ certificate: 'deep', chain: ['intermediate'] });
    expect(await probe(deep, { ca: 'authority' })).toMatchObject({ status: 'pass' });
  });

  it('names the certificate that expired', async () => {
    const failed = await probe(await serve({ certificate: 'expired' }), { ca: 'authority' });
    expect(failed).toMatchObject({ status: 'fail', cause: 'certificate-expired' });
    expect(failed.found).toContain(
      `the certificate of "expired" by "authority" (SHA-256 ${await fingerprintOf('expired')}) expired`,
    );
  });

  it('names the names that a certificate is for', async () => {
    const failed = await probe(await serve({}), { ca: 'authority', host: 'other.test' });
    expect(failed).toMatchObject({ status: 'fail', cause: 'certificate-for-another-name' });
    expect(failed.found).toContain('is for s3.test, 127.0.0.1, not for other.test');
  });

  it('names an authority that is not trusted, with its fingerprint, and what to set', async () => {
    const port = await serve({ chain: ['authority'] });
    const unknown = await probe(port);
    expect(unknown).toMatchObject({ status: 'fail', cause: 'certificate-unknown-authority' });
    expect(unknown.found).toContain(
      `the certificate of "authority" (SHA-256 ${await fingerprintOf('authority')}), which is not trusted by this host`,
    );
    expect(unknown.hint).toContain('name it as "ca" of this store');
    const wrong = await probe(port, { ca: 'stranger' });
    expect(wrong).toMatchObject({ status: 'fail', cause: 'certificate-unknown-authority' });
    expect(wrong.hint).toContain('Is /etc/stranger.pem the authority of this server?');
    const lone = await probe(await serve({ certificate: 'lone' }));
    expect(lone).toMatchObject({ status: 'fail', cause: 'certificate-unknown-authority' });
    expect(lone.found).toContain('is signed by itself');
  });

  it('names a chain with a link missing', async () => {
    const failed = await probe(await serve({ certificate: 'deep' }), { ca: 'authority' });
    expect(failed).toMatchObject({ status: 'fail', cause: 'certificate-chain-incomplete' });
    expect(failed.found).toContain(
      'signed by "intermediate", whose certificate is neither sent nor trusted by /etc/authority.pem',
    );
  });

  it('refuses protocols that are broken', async () => {
    const port = await serve({ minVersion: 'TLSv1', maxVersion: 'TLSv1', ciphers: 'ALL:@SECLEVEL=0' });
    const failed = await probe(port, { ca: 'authority' });
    expect(failed).toMatchObject({
      status: 'fail',
      cause: 'tls-too-old',
      found: 'the server speaks only TLSv1, which is broken',
    });
  });

  it('sees that no TLS is spoken, or that none is asked for', async () => {
    const server = createPlainServer((_request, response) => response.end());
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    scope.defer(() => new Promise((resolve) => server.close(resolve)));
    const { port } = server.address() as AddressInfo;
    expect(await probe(port)).toMatchObject({
      status: 'fail',
      cause: 'not-tls',
      hint: expect.stringContaining(`http://s3.test:${port}`) as string,
    });
    expect(await probe(port, { protocol: 'http' })).toMatchObject({ status: 'warn' });
    expect(await probe(port, { protocol: 'http', host: '127.0.0.1' })).toMatchObject({ status: 'skip' });
  });

  it('sends nothing on a connection that is not trusted', async () => {
    const sent: Buffer[] = [];
    const server = createServer({ key: await read('server.key'), cert: await read('server.pem') });
    server.on('secureConnection', (socket) => socket.on('data', (chunk: Buffer) => sent.push(chunk)));
    server.on('tlsClientError', () => undefined);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    scope.defer(() => new Promise((resolve) => server.close(resolve)));
    await probe((server.address() as AddressInfo).port);
    expect(sent).toEqual([]);
  });
});
