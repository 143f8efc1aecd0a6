import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type RequestListener } from 'node:http';
import { type AddressInfo, createServer as createListener, type LookupFunction, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type FakeS3, type FakeS3Options, startS3 } from '../../../test/fakes/s3.ts';
import { type ProxyOptions, startProxy } from '../../../test/fakes/s3/proxy.ts';
import { needsRadosgw, type Radosgw, startRadosgw } from '../../../test/peers/radosgw.ts';
import type { StoreDiagnosis, StoreProbe } from '../../model/store-diagnosis.ts';
import { defaultStoreSettings, type StoreSettings } from '../../model/store-settings.ts';
import { Scope } from '../../util/scope.ts';
import { diagnoseS3, type DiagnoseS3Options } from './doctor.ts';

let scope = new Scope();
afterEach(async () => {
  await scope.close();
  scope = new Scope();
});

async function start(options: FakeS3Options = {}): Promise<FakeS3> {
  const server = await startS3({ buckets: ['images'], ...options });
  scope.defer(() => server.close());
  return server;
}

interface Given extends Partial<StoreSettings>, Partial<DiagnoseS3Options> {
  secret?: string;
  access?: string;
}

async function look(server: FakeS3, given: Given = {}): Promise<StoreDiagnosis> {
  const { secret, access, lookup, timeoutMs, signal, onProbe, ...settings } = given;
  const url = settings.url ?? 's3://images/some/prefix';
  return diagnoseS3(
    url,
    {
      settings: {
        ...defaultStoreSettings(url),
        endpoint: server.url,
        credentials: { accessKey: 'env:ACCESS', secretKey: 'env:SECRET' },
        ...settings,
      },
      environment: { ACCESS: access ?? server.accessKey, SECRET: secret ?? server.secretKey },
      stateDir: '/nowhere',
      emit: () => undefined,
    },
    {
      signal: signal ?? new AbortController().signal,
      ...(lookup ? { lookup } : {}),
      ...(onProbe ? { onProbe } : {}),
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
    },
  );
}

/** Whatever it finds, it is no burden, and nothing stays. */
async function diagnose(server: FakeS3, given: Given = {}): Promise<StoreDiagnosis> {
  const before = server.requests.length;
  const diagnosis = await look(server, given);
  expect(server.requests.length - before).toBeLessThan(80);
  expect(server.keys('images').filter((key) => key !== 'foreign')).toEqual([]);
  expect(server.uploads('images')).toEqual([]);
  return diagnosis;
}

function probeIn({ probes }: StoreDiagnosis, id: string): StoreProbe | undefined {
  return probes.findLast((probe) => probe.id === id);
}

/** The names of all probes that did not pass, with how they ended. */
function trouble({ probes }: StoreDiagnosis): string[] {
  return probes.filter(({ status }) => status !== 'pass' && status !== 'skip').map(({ id, status }) => `${id} ${status}`);
}

/** A proxy in front of the server. */
async function behind(server: FakeS3, options: ProxyOptions): Promise<string> {
  const proxy = await startProxy(server.url, options);
  scope.defer(() => proxy.close());
  return proxy.url;
}

/** Every name is this host. */
const everything: LookupFunction = (_name, options, done) =>
  options.all ? done(null, [{ address: '127.0.0.1', family: 4 }]) : done(null, '127.0.0.1', 4);

/** All names but those of buckets. */
const noBuckets: LookupFunction = (name, options, done) => {
  if (name.startsWith('images.')) done(Object.assign(new Error(`no ${name}`), { code: 'ENOTFOUND' }), []);
  else everything(name, options, done);
};

describe('a server that is like the original', () => {
  it('works as it is, and all of it is tried', async () => {
    const server = await start();
    await server.plant('images', 'foreign', Buffer.from('of somebody else'));
    const seen: StoreProbe[] = [];
    const diagnosis = await diagnose(server, { onProbe: (probe) => seen.push(probe) });
    expect(diagnosis).toMatchObject({ works: true, causes: [], changes: [], leftovers: [], endpoint: server.url });
    expect(seen).toEqual(diagnosis.probes);
    expect(trouble(diagnosis)).toEqual([]);
    expect(diagnosis.probes.map(({ id }) => id)).toEqual(
      [
        ['credentials', 'name', 'port', 'tls', 'clock', 'region', 'signature', 'bucket', 'addressing', 'headers', 'put', 'get'],
        ['list', 'delete', 'multipart', 'if-none-match', 'if-match', 'integrity', 'checksums', 'trailers', 'expect', 'keys'],
      ].flat(),
    );
    const written = server.requests.filter(({ method }) => method === 'PUT' || method === 'POST');
    expect(written.length).toBeGreaterThan(10);
    for (const { key } of written) expect(key).toMatch(/^some\/prefix\/gabarit-probe\/doctor-[0-9a-f]{12}\//);
    expect(await server.read('images', 'foreign')).toEqual(Buffer.from('of somebody else'));
  });

  it('is not thrown off by a server that is busy now and then, loses answers, or is slow', async () => {
    const server = await start();
    server.inject({ kind: 'error', code: 'SlowDown', rate: 0.15 });
    expect(await diagnose(server)).toMatchObject({ works: true, causes: [] });
    server.inject({ kind: 'lose-answer', on: ['PutObject', 'DeleteObject'], rate: 0.1 });
    expect(await diagnose(server)).toMatchObject({ works: true, leftovers: [] });
  });

  it('leaves nothing behind when it is cancelled', async () => {
    const server = await start();
    const controller = new AbortController();
    const onProbe = ({ id }: StoreProbe): void => {
      if (id === 'list') controller.abort();
    };
    await expect(diagnose(server, { onProbe, signal: controller.signal })).rejects.toMatchObject({ code: 'CANCELLED' });
    expect(server.requests.some(({ operation }) => operation === 'PutObject')).toBe(true);
    expect(server.keys('images')).toEqual([]);
  });
});

/** The classic: the server says SignatureDoesNotMatch, and it may be any of these. */
describe('a signature that does not match', () => {
  it.each([true, false])(
    'by a proxy that rewrites Host (server explains: %j): version 2 passes, so it is not the secret',
    async (explains) => {
      const server = await start({ dialect: { explains } });
      const endpoint = await behind(server, { host: 'backend.internal' });
      const diagnosis = await diagnose(server, { endpoint });
      expect(diagnosis).toMatchObject({ causes: ['host-rewritten'], works: true, changes: ['signature'] });
      expect(diagnosis.settings.signature).toBe('v2');
      const probe = probeIn(diagnosis, 'signature');
      expect(probe?.hint).toContain('proxy_set_header Host $http_host');
      expect(probe?.hint).toContain('Until then "signature: v2" works');
      expect(probe?.found).toContain(
        explains ? '"backend.internal" came to the server; signed for that, it is believed' : 'the secret is right',
      );
    },
  );

  it('by a proxy whose Host can be guessed, which proves it without any explanation', async () => {
    const server = await start({ dialect: { explains: false, signatures: ['v4'] } });
    const endpoint = await behind(server, { host: 'localhost' });
    const diagnosis = await diagnose(server, { endpoint });
    expect(diagnosis).toMatchObject({ causes: ['host-rewritten'], works: false });
    expect(probeIn(diagnosis, 'signature')?.found).toContain('"localhost" came to the server');
  });

  it.each([
    ['both signatures', { explains: false }, 'secret-wrong'],
    ['a server that explains', { explains: true, signatures: ['v4'] }, 'secret-wrong'],
    ['version 4 without an explanation', { explains: false, signatures: ['v4'] }, 'signature-unexplained'],
    ['version 2 alone', { explains: false, signatures: ['v2'] }, 'secret-wrong'],
  ] as const)('by a wrong secret: %s', async (_name, dialect, cause) => {
    const server = await start({ dialect });
    const diagnosis = await diagnose(server, { secret: 'another-secret' });
    expect(diagnosis).toMatchObject({ works: false });
    expect(diagnosis.causes.at(-1)).toBe(cause);
    expect(JSON.stringify(diagnosis)).not.toContain('another-secret');
    expect(probeIn(diagnosis, 'signature')?.hint).toMatch(/secret key/);
    // Nothing was written with a signature that nobody believes.
    expect(server.requests.every(({ method }) => method === 'GET')).toBe(true);
  });

  it.each(['named', 'unnamed', 'mismatch'] as const)('by a wrong region (said as: %s)', async (region) => {
    const server = await start({ region: 'garage', dialect: { region, explains: region === 'mismatch' } });
    const diagnosis = await diagnose(server, { region: 'us-east-1' });
    expect(diagnosis).toMatchObject({ causes: ['region'], works: true, changes: ['region'], settings: { region: 'garage' } });
    expect(probeIn(diagnosis, 'region')).toMatchObject({ status: 'fail', hint: 'Set "region: garage".' });
    expect(probeIn(diagnosis, 'signature')).toMatchObject({ status: 'pass' });
  });

  it('by a region that only the bucket itself names, to version 2', async () => {
    const server = await start({ region: 'antarctica-7', dialect: { region: 'mismatch', explains: false } });
    expect(await diagnose(server)).toMatchObject({ causes: ['region'], settings: { region: 'antarctica-7' } });
    server.dialect.signatures = ['v4'];
    server.dialect.region = 'unnamed';
    const diagnosis = await diagnose(server);
    expect(diagnosis).toMatchObject({ causes: ['region'], works: false });
    expect(probeIn(diagnosis, 'region')?.hint).toContain('Ask whoever runs the server');
  });

  it.each(['named', 'mismatch'] as const)('by a skewed clock (said as: %s)', async (skew) => {
    const server = await start({ dialect: { skew, explains: false } });
    for (const [offset, words] of [
      [3600_000, '60 min behind'],
      [-3600_000, '60 min ahead of'],
    ] as const) {
      server.clockOffsetMs = offset;
      const diagnosis = await diagnose(server);
      // All the rest is tried with the time of the server.
      expect(diagnosis).toMatchObject({ causes: ['clock'], works: false, changes: [] });
      expect(trouble(diagnosis)).toEqual(['clock fail']);
      expect(probeIn(diagnosis, 'clock')?.found).toContain(words);
    }
    server.clockOffsetMs = 5 * 60_000;
    const late = await diagnose(server);
    expect(late).toMatchObject({ causes: [], works: true });
    expect(trouble(late)).toEqual(['clock warn']);
  });

  it('by a proxy that takes signed headers away', async () => {
    const server = await start({ dialect: { explains: false } });
    const endpoint = await behind(server, { strip: ['amz-sdk-request', 'x-amz-user-agent'] });
    const diagnosis = await diagnose(server, { endpoint });
    expect(diagnosis).toMatchObject({ causes: ['headers-changed'], works: true, changes: ['signature'] });
    expect(probeIn(diagnosis, 'headers')?.found).toContain('amz-sdk-request, x-amz-user-agent');
    expect(probeIn(diagnosis, 'signature')).toMatchObject({ status: 'pass' });
  });

  it.each([true, false])('by a proxy that takes a part of the path away (server explains: %j)', async (explains) => {
    const server = await start({ dialect: { explains } });
    const endpoint = `${await behind(server, { path: (path) => path.replace(/^\/s3/, '') })}/s3`;
    const diagnosis = await diagnose(server, { endpoint });
    expect(diagnosis).toMatchObject({ causes: ['path-rewritten'], works: false });
    expect(probeIn(diagnosis, 'signature')?.found).toContain('/s3');
  });

  it('for odd keys alone, which are signed in another way there', async () => {
    const server = await start({ dialect: { pathEncoding: 'twice' } });
    const diagnosis = await diagnose(server);
    expect(diagnosis).toMatchObject({ causes: [], works: true });
    expect(probeIn(diagnosis, 'keys')?.found).toMatch(/do not work \(SignatureDoesNotMatch.*Gabarit has no such keys/);
  });
});

describe('credentials', () => {
  it('that nobody knows, are too old, or lie nowhere', async () => {
    const server = await start();
    expect(await diagnose(server, { access: 'AKIANOBODY' })).toMatchObject({ causes: ['access-key-unknown'], works: false });
    server.credentials.set('ASIA', { secretKey: server.secretKey, sessionToken: 'x', expired: true });
    expect(await diagnose(server, { access: 'ASIA' })).toMatchObject({ causes: ['token-invalid'], works: false });
    const missing = await diagnose(server, { credentials: { accessKey: 'env:NOT_SET', secretKey: 'file:/none' } });
    expect(missing).toMatchObject({ causes: ['credentials-missing'], works: false });
    expect(missing.probes[0]?.found).toContain('NOT_SET');
    expect(missing.probes.map(({ id }) => id)).toEqual(['credentials', 'name', 'port', 'tls']);
  });

  it.each([
    ['put', ['denied-put'], 's3:PutObject'],
    ['get', ['denied-get'], 's3:GetObject'],
    ['list', ['denied-list'], 's3:ListBucket'],
  ] as const)('without the right to %s', async (right, causes, name) => {
    const server = await start();
    server.deny = new Set([right]);
    const diagnosis = await diagnose(server);
    expect(diagnosis).toMatchObject({ causes, works: false, leftovers: [] });
    const probe = probeIn(diagnosis, right);
    expect(probe?.found).toContain(name);
    expect(probe?.hint).toContain(`Grant ${name} on arn:aws:s3:::images${right === 'list' ? '' : '/some/prefix/*'}`);
  });

  it('without the right to delete: what stays is named', async () => {
    const server = await start();
    server.deny = new Set(['delete']);
    const diagnosis = await look(server);
    expect(diagnosis).toMatchObject({ causes: ['denied-delete'], works: false });
    expect(server.keys('images').length).toBeGreaterThan(3);
    const uploads = diagnosis.leftovers.filter((key) => key.endsWith(' (unfinished upload)'));
    expect(uploads).toHaveLength(1);
    expect(diagnosis.leftovers.filter((key) => !uploads.includes(key)).toSorted()).toEqual(server.keys('images'));
    expect(trouble(diagnosis)).toEqual(['delete fail', 'multipart warn']);
  });
});

describe('dialects', () => {
  it('without checksums, trailers and Expect', async () => {
    const server = await start({ dialect: { checksums: 501, trailers: 411, expect: 417 } });
    const plain = await diagnose(server);
    expect(plain).toMatchObject({ causes: [], works: true, changes: [] });
    expect(probeIn(plain, 'checksums')?.found).toMatch(/refused \(NotImplemented.*Gabarit sends none/);
    expect(probeIn(plain, 'trailers')?.found).toContain('refused');
    expect(probeIn(plain, 'expect')?.found).toContain('answered with 417');
    const wanted = await diagnose(server, { checksums: 'always', expectContinue: true });
    expect(wanted).toMatchObject({ causes: ['checksums', 'expect'], works: true, changes: ['checksums', 'expectContinue'] });
    expect(wanted.settings).toMatchObject({ checksums: 'when-required', expectContinue: false });
    server.dialect = { ...server.dialect, checksums: 'ignore', trailers: 'accept', expect: 'never' };
    const other = await diagnose(server);
    expect(probeIn(other, 'checksums')?.found).toBe('they are accepted, and not looked at');
    expect(probeIn(other, 'expect')?.found).toContain('never answered');
  });

  it.each([
    ['honour', 'pass', 'honoured'],
    ['plain', 'pass', 'without quotes'],
    ['ignore', 'warn', 'ignored'],
    ['refuse', 'warn', 'not known'],
  ] as const)('with If-Match: %s', async (ifMatch, status, words) => {
    const diagnosis = await diagnose(await start({ dialect: { ifMatch } }));
    expect(diagnosis).toMatchObject({ works: true, causes: [] });
    expect(probeIn(diagnosis, 'if-match')).toMatchObject({ status, found: expect.stringContaining(words) as string });
    expect(probeIn(diagnosis, 'if-none-match')).toMatchObject({ status: 'pass' });
  });

  it.each([
    ['ignore', 'ignored'],
    ['refuse', 'not known'],
  ] as const)('with If-None-Match: %s', async (ifNoneMatch, words) => {
    const diagnosis = await diagnose(await start({ dialect: { ifNoneMatch } }));
    expect(probeIn(diagnosis, 'if-none-match')).toMatchObject({
      status: 'warn',
      found: expect.stringContaining(words) as string,
    });
    expect(probeIn(diagnosis, 'if-match')).toMatchObject({ status: 'pass' });
  });

  it.each([
    [['v2'], 'v4', 'v2'],
    [['v4'], 'v2', 'v4'],
  ] as const)('with signatures %j alone', async (signatures, configured, working) => {
    const diagnosis = await diagnose(await start({ dialect: { signatures } }), { signature: configured });
    expect(diagnosis).toMatchObject({
      causes: ['signature-version'],
      works: true,
      changes: ['signature'],
      settings: { signature: working },
    });
  });

  it('with the bucket in the host name alone, or in the path alone', async () => {
    const server = await start({ dialect: { styles: ['virtual'] } });
    const endpoint = `http://s3.test:${server.port}`;
    const virtual = await diagnose(server, { endpoint, lookup: everything });
    expect(virtual).toMatchObject({
      causes: ['addressing'],
      works: true,
      changes: ['addressing'],
      settings: { addressing: 'virtual-host' },
    });
    server.dialect.styles = ['path'];
    const path = await diagnose(server, { endpoint, lookup: everything, addressing: 'virtual-host' });
    expect(path).toMatchObject({ causes: ['addressing'], works: true, settings: { addressing: 'path' } });
    const nameless = await diagnose(server, { endpoint, lookup: noBuckets, addressing: 'virtual-host' });
    expect(nameless).toMatchObject({ causes: ['addressing'], works: true, settings: { addressing: 'path' } });
    server.dialect.styles = ['path', 'virtual'];
    const both = await diagnose(server, { endpoint, lookup: everything });
    expect(both).toMatchObject({ causes: [], changes: [] });
    expect(probeIn(both, 'addressing')?.found).toContain('in the host name works too');
  });

  it('without uploads in parts, and with tags that are no MD5', async () => {
    const server = await start({ dialect: { multipart: false } });
    expect(await diagnose(server)).toMatchObject({ causes: ['multipart'], works: false });
    server.dialect = { ...server.dialect, multipart: true, etag: 'opaque', completeEtag: 'empty', pageSize: 1 };
    expect(await diagnose(server)).toMatchObject({ causes: [], works: true });
  });

  it('that answer 200 and an error, or give other bytes back', async () => {
    const server = await start();
    server.inject({ kind: 'error-in-200', on: 'CompleteMultipartUpload' });
    expect(await diagnose(server)).toMatchObject({ causes: ['multipart'], works: false });
    server.inject({ kind: 'flip-answer', on: 'GetObject', times: 1 });
    expect(await diagnose(server)).toMatchObject({ causes: ['corrupts'], works: false });
  });
});

describe('no way to it', () => {
  it('a bucket that is not there', async () => {
    const diagnosis = await diagnose(await start(), { url: 's3://imagse' });
    expect(diagnosis).toMatchObject({ causes: ['bucket-missing'], works: false });
    expect(diagnosis.probes.at(-1)?.id).toBe('bucket');
  });

  it('a name that does not exist, and a port where nobody listens', async () => {
    const server = await start();
    const nameless = await diagnose(server, { endpoint: 'https://s3.gabarit.invalid' });
    expect(nameless).toMatchObject({ causes: ['name-unknown'], works: false });
    expect(nameless.probes.at(-1)?.found).toMatch(/s3\.gabarit\.invalid/);
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const { port } = other.address() as AddressInfo;
    await new Promise((resolve) => other.close(resolve));
    const closed = await diagnose(server, { endpoint: `http://127.0.0.1:${port}` });
    expect(closed).toMatchObject({ causes: ['unreachable'], works: false });
    expect(closed.probes.at(-1)?.found).toBe(`nobody answers at port ${port} (127.0.0.1: refused, nothing listens there)`);
  });

  it.each([
    [
      'a web console',
      'not-s3',
      (_request, response) => response.setHeader('content-type', 'text/html').end('<html>Log in</html>'),
    ],
    ['nothing', 'no-answer', () => undefined],
    ['a torn connection', 'no-answer', (request) => request.socket.destroy()],
    ['an error of a proxy', 'refused', (_request, response) => response.writeHead(502).end()],
  ] satisfies [string, string, RequestListener][])('a server whose answer is %s', async (_name, cause, listener) => {
    const other = createServer(listener);
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    scope.defer(() => {
      other.closeAllConnections();
      other.close();
    });
    const endpoint = `http://127.0.0.1:${(other.address() as AddressInfo).port}`;
    expect(await diagnose(await start(), { endpoint, timeoutMs: 500 })).toMatchObject({ causes: [cause], works: false });
  });
});

describe('a listener that takes connections and never answers, as behind a firewall that swallows', () => {
  it.each([
    ['http', 'no-answer'],
    ['https', 'unreachable'],
  ])('is named within the time of a few requests (%s: %s)', async (protocol, cause) => {
    const sockets = new Set<Socket>();
    const silent = createListener((socket) => void sockets.add(socket.on('error', () => undefined))).listen(0, '127.0.0.1');
    await new Promise((resolve) => silent.once('listening', resolve));
    scope.defer(() => {
      for (const socket of sockets) socket.destroy();
      silent.close();
    });
    const server = await start();
    const endpoint = `${protocol}://127.0.0.1:${(silent.address() as AddressInfo).port}`;
    const startedMs = performance.now();
    const diagnosis = await look(server, { endpoint, timeoutMs: 300 });
    expect(performance.now() - startedMs).toBeLessThan(20 * 300);
    expect(diagnosis).toMatchObject({ causes: [cause], works: false, changes: [], leftovers: [] });
    const failed = diagnosis.probes.filter(({ status }) => status === 'fail');
    expect(failed).toEqual([expect.objectContaining({ found: expect.stringMatching(/within 0\.3 s/) as string })]);
    expect(failed[0]?.hint).toBeTruthy();
  });
});

describe.skipIf(needsRadosgw())('Ceph', () => {
  const peerScope = new Scope();
  let peer: Radosgw;
  let folder = '';
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'rgw-'));
    peer = await startRadosgw(folder, peerScope);
  });
  afterAll(async () => {
    await peerScope.close();
    await rm(folder, { recursive: true });
  });

  async function diagnosePeer(more: Partial<StoreSettings> = {}, secret?: string, bucket?: string): Promise<StoreDiagnosis> {
    const url = `s3://${bucket ?? (await peer.bucket())}/pre`;
    const { environment } = peer;
    return diagnoseS3(
      url,
      {
        settings: peer.settings(url, more),
        environment: secret === undefined ? environment : { ...environment, GABARIT_TEST_SECRET: secret },
        stateDir: '/nowhere',
        emit: () => undefined,
      },
      { signal: new AbortController().signal },
    );
  }

  it('works as it is, over TLS with an authority of its own', async () => {
    const diagnosis = await diagnosePeer();
    expect(diagnosis).toMatchObject({ causes: [], works: true, changes: [], leftovers: [] });
    // Its certificate is made for two days.
    expect(trouble(diagnosis)).toEqual(['tls warn']);
    expect(probeIn(diagnosis, 'tls')?.found).toMatch(
      /^TLSv1\.3, certificate of "localhost" by "Test authority", valid for [12] more day/,
    );
    expect(probeIn(diagnosis, 'if-match')?.found).toContain('without quotes');
    expect(probeIn(diagnosis, 'checksums')?.found).toBe('they are accepted, and not looked at');
    expect(probeIn(diagnosis, 'trailers')?.found).toContain('refused');
    expect(await diagnosePeer({ signature: 'v2' })).toMatchObject({ causes: [], works: true });
  });

  it('behind a proxy that rewrites Host, with a wrong secret, without the bucket', async () => {
    const proxy = await startProxy(peer.endpoint, { host: 'backend.internal' });
    scope.defer(() => proxy.close());
    const rewritten = await diagnosePeer({ endpoint: proxy.url });
    expect(rewritten).toMatchObject({ causes: ['host-rewritten'], works: true, settings: { signature: 'v2' } });
    expect(await diagnosePeer({}, 'wrong-secret')).toMatchObject({ causes: ['secret-wrong'], works: false });
    expect(await diagnosePeer({}, undefined, 'nothing-there')).toMatchObject({ causes: ['bucket-missing'], works: false });
  });

  it('for a stranger, who has no right', async () => {
    const bucket = await peer.bucket();
    const { accessKey, secretKey } = peer.stranger;
    const url = `s3://${bucket}`;
    const diagnosis = await diagnoseS3(
      url,
      {
        settings: peer.settings(url),
        environment: { GABARIT_TEST_ACCESS: accessKey, GABARIT_TEST_SECRET: secretKey },
        stateDir: '/nowhere',
        emit: () => undefined,
      },
      { signal: new AbortController().signal },
    );
    expect(diagnosis).toMatchObject({ causes: ['denied-put'], works: false, leftovers: [] });
  });
});
