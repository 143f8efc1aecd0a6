import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { fetchPackages } from '../../src/engines/bootstrap/fetch.ts';
import { type ResolveRequest, resolvePackages } from '../../src/engines/bootstrap/resolve.ts';
import type { Lock } from '../../src/model/lock.ts';
import { digestOf } from '../../src/util/digest.ts';
import {
  answer,
  atFirst,
  breakAfter,
  type FakeMirror,
  type Misbehaviour,
  replaceBy,
  startMirror,
  withOneByteChanged,
} from '../fakes/mirror.ts';
import { needs } from '../tools.ts';
import { type Failure, failureOf } from './failure.ts';

const day = 86_400;
const now = (): number => Math.floor(Date.now() / 1000);

describe.skipIf(needs('apt-get', 'dpkg-deb', 'gpg', 'gpg-agent', 'gpgv'))('a mirror that cannot be trusted or reached', () => {
  let folder: string;
  let mirror: FakeMirror;
  let cacheDir: string;
  let workdir: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'mirror-'));
    mirror = await startMirror(folder, [
      { name: 'tiny-base', essential: true },
      { name: 'web-server', depends: 'web-library' },
      { name: 'web-library' },
      { name: 'web-rival', conflicts: 'web-server' },
      { name: 'large', size: 300_000 },
    ]);
  });

  afterAll(async () => {
    await mirror.close();
    await rm(folder, { recursive: true });
  });

  beforeEach(async () => {
    cacheDir = await mkdtemp(join(folder, 'cache-'));
    workdir = join(cacheDir, 'runs/test');
    await mkdir(workdir, { recursive: true });
    mirror.requests.length = 0;
    return async () => {
      expect(await readdir(workdir), 'nothing half-written').toEqual([]);
      await mirror.publish();
    };
  });

  function resolve(change: Partial<ResolveRequest> & { offline?: boolean; uri?: string } = {}): Promise<Lock> {
    const { offline = false, uri = mirror.uri, ...rest } = change;
    const repositories = [{ id: 'test', uri, suite: mirror.suite, components: ['main'], keyring: mirror.keyring }];
    const request = { repositories, packages: ['web-server'], excluded: [], tools: [], ...rest };
    return resolvePackages(request, { cacheDir, offline, signal: new AbortController().signal, emit: () => undefined });
  }

  function fetch(lock: Lock, options: { offline?: boolean; signal?: AbortSignal; stallMs?: number } = {}): Promise<string[]> {
    const ready: string[] = [];
    const { offline = false, signal = new AbortController().signal, ...rest } = options;
    const context = { cacheDir, workdir, offline, signal, onProgress: () => undefined, ...rest };
    return fetchPackages(lock.packages, lock.repositories, context, ({ name }) => ready.push(name)).then(() => ready.toSorted());
  }

  /** Lets requests for what ends in `suffix` be answered in some way while `work` is done. */
  async function when<T>(suffix: string, how: Misbehaviour, work: () => Promise<T>): Promise<T> {
    mirror.misbehave(suffix, how);
    try {
      return await work();
    } finally {
      mirror.misbehave(suffix, undefined);
    }
  }

  const packagesInCache = (): Promise<string[]> => readdir(join(cacheDir, 'packages'));
  const requestsFor = (name: string): string[] => mirror.requests.filter((request) => request.includes(`${name}.deb`));

  describe('names of packages', () => {
    test('one that does not exist is named, with what comes near', async () => {
      const failure = await failureOf(resolve({ packages: ['web-sever', 'web-server', 'nothing-like-it'] }));
      expect(failure).toMatchObject({
        code: 'PACKAGE_NOT_FOUND',
        exit: 3,
        message: 'Packages do not exist in the repositories of this template',
        hint: 'Correct packages.add, or add the repository that has it.',
      });
      expect(failure.faults.map(({ message }) => message)).toEqual([
        expect.stringMatching(/^no package is called "web-sever"; did you mean web-server/),
        'no package is called "nothing-like-it"',
      ]);
    });

    test('one that is removed but needed by another is named', async () => {
      const failure = await failureOf(resolve({ excluded: ['web-library'] }));
      expect(failure).toMatchObject({
        code: 'PACKAGE_NOT_FOUND',
        exit: 3,
        message: 'The packages cannot be installed together',
        hint: expect.stringContaining('packages.remove') as string,
      });
      expect(failure.faults[0]?.message).toMatch(/web-server : Depends: web-library/);
    });

    test('two that exclude each other are named', async () => {
      const failure = await failureOf(resolve({ packages: ['web-server', 'web-rival'] }));
      expect(failure).toMatchObject({ code: 'PACKAGE_NOT_FOUND', message: 'The packages cannot be installed together' });
      expect(failure.faults.map(({ message }) => message).join('\n')).toMatch(/web-rival : Conflicts: web-server/);
    });
  });

  describe('indexes', () => {
    // At once: apt asks each of them again for a few seconds.
    test('servers that are not there, do not answer or refuse', async () => {
      const places: [string, RegExp][] = [
        ['http://127.0.0.1:9', /Could not connect|Connection refused/],
        ['http://mirror.example.invalid', /Could not resolve|Temporary failure/],
        [`${mirror.uri}/nothing`, /404/],
        [`${mirror.uri}/broken`, /500/],
      ];
      const broken: Misbehaviour = (response, body, request) =>
        request.url?.startsWith('/broken') === true && answer(500)(response, body, request);
      const failures = await when('InRelease', broken, () => Promise.all(places.map(([uri]) => failureOf(resolve({ uri })))));
      for (const [index, [uri, reason]] of places.entries()) {
        const { faults, ...failure } = failures[index] as Failure;
        expect(failure).toMatchObject({
          code: 'MIRROR_UNREACHABLE',
          exit: 5,
          message: `The package indexes of ${uri} test could not be fetched`,
          hint: 'Check the network, the proxy, and the address and suite of the repository; --offline uses what the cache holds.',
        });
        expect(faults.map(({ message }) => message).join('\n')).toMatch(reason);
      }
    });

    test('--offline works from the cache, and says what to do without', async () => {
      expect(await failureOf(resolve({ offline: true }))).toMatchObject({
        code: 'MIRROR_UNREACHABLE',
        exit: 5,
        message: 'The cache holds no package indexes for this template',
        hint: 'Build it once without --offline.',
      });
      expect(mirror.requests).toEqual([]);
      const online = await resolve();
      mirror.requests.length = 0;
      expect(await resolve({ offline: true })).toEqual(online);
      expect(mirror.requests).toEqual([]);
    });

    test('indexes that have not changed are not read again', async () => {
      const first = await resolve();
      mirror.requests.length = 0;
      expect(await resolve()).toEqual(first);
      expect(mirror.requests).toEqual([`GET /dists/${mirror.suite}/InRelease`]);
    });
  });

  describe('signatures', () => {
    /** What a repository that was tampered with is answered with, at first sight and when a good state is in the cache. */
    async function refused(): Promise<Failure> {
      const fresh = await failureOf(resolve());
      expect(fresh).toMatchObject({ code: 'SIGNATURE_INVALID', exit: 5 });
      expect(fresh.hint).not.toBe('');
      expect(fresh.faults).not.toEqual([]);
      return fresh;
    }

    test.for([
      ['by another key', 'stranger', /NO_PUBKEY|not available/],
      ['not at all', 'nobody', /not signed|Clearsigned|NOSPLIT|not valid|does not start with a cleartext/],
    ] as const)('signed %s', async ([, signedBy, reason]) => {
      await mirror.publish({ signedBy });
      const failure = await refused();
      expect(failure.message).toBe('A package repository is not signed by its key');
      expect(failure.faults.map(({ message }) => message).join('\n')).toMatch(reason);
    });

    test('a signature over other bytes', async () => {
      const failure = await when(
        'InRelease',
        replaceBy((body) => Buffer.from(body.toString().replace('Origin: Test', 'Origin: Tess'))),
        refused,
      );
      expect(failure.message).toBe('A package repository is not signed by its key');
      expect(failure.faults.map(({ message }) => message).join('\n')).toMatch(/BADSIG|invalid/);
    });

    test('a good state in the cache is not given up for a bad one', async () => {
      const good = await resolve();
      await mirror.publish({ signedBy: 'stranger' });
      await refused();
      await mirror.publish({ date: now() - 30 });
      expect((await resolve()).packages).toEqual(good.packages);
    });

    test('one that has expired', async () => {
      await mirror.publish({ date: now() - 3 * day, validUntil: now() - 2 * day });
      const failure = await refused();
      expect(failure.message).toBe('A package repository is out of date, or changed while it was read');
      expect(failure.faults.map(({ message }) => message).join('\n')).toMatch(/expired/);
    });

    test('one from the future', async () => {
      await mirror.publish({ date: now() + 3 * day });
      expect((await refused()).hint).toMatch(/clock/);
    });

    test('an index that is not what was signed', async () => {
      const failure = await when('Packages', replaceBy(withOneByteChanged), refused);
      expect(failure.message).toBe('A package repository is out of date, or changed while it was read');
      expect(failure.faults.map(({ message }) => message).join('\n')).toMatch(/Hash Sum mismatch/);
    });

    test('one that is published again while it is read', async () => {
      // The release file is the old one, the index already the new one.
      const old = await readFile(join(mirror.folder, 'dists/test/InRelease'));
      const index = join(mirror.folder, 'dists/test/main/binary-amd64/Packages');
      await writeFile(index, `${await readFile(index, 'utf8')}\n`);
      const failure = await when(
        'InRelease',
        replaceBy(() => old),
        refused,
      );
      expect(failure.hint).toMatch(/try again/);
      await mirror.publish();
      expect((await resolve()).packages.map(({ name }) => name)).toEqual(['tiny-base', 'web-library', 'web-server']);
    });
  });

  describe('packages', () => {
    let lock: Lock;
    beforeEach(async () => {
      lock = await resolve({ packages: ['web-server', 'large'] });
      mirror.requests.length = 0;
    });
    const everything = ['large', 'tiny-base', 'web-library', 'web-server'];

    /** Whether every package in the cache is one of the lock, whole. */
    async function expectOnlyWhole(): Promise<void> {
      for (const name of await packagesInCache()) {
        const bytes = await readFile(join(cacheDir, 'packages', name));
        expect(`${digestOf(bytes).slice('sha256:'.length)}.deb`).toBe(name);
      }
    }

    test('all come, each once, and are proven again before they are used again', async () => {
      expect(await fetch(lock)).toEqual(everything);
      expect(mirror.requests.length).toBe(4);
      expect(await fetch(lock)).toEqual(everything);
      expect(mirror.requests.length).toBe(4);
      await expectOnlyWhole();
    });

    test.for([
      ['other bytes', replaceBy(withOneByteChanged), /web-server\.deb has another content than its signed index says$/],
      ['more bytes', replaceBy((body) => Buffer.concat([body, body])), /is longer than its signed index says \(\d+ bytes\)$/],
    ] as const)('%s are refused before anything uses them', async ([, how, message]) => {
      const ready: string[] = [];
      const work = when('web-server.deb', how, () => fetch(lock).then((names) => ready.push(...names)));
      expect(await failureOf(work)).toMatchObject({
        code: 'DIGEST_MISMATCH',
        exit: 5,
        message: expect.stringMatching(message) as string,
        hint: 'The mirror or a proxy on the way is broken; nothing of it was used.',
      });
      expect(ready).toEqual([]);
      const bad = lock.packages.find(({ name }) => name === 'web-server');
      expect(await packagesInCache()).not.toContain(`${bad?.sha256}.deb`);
      await expectOnlyWhole();
      expect(await fetch(lock)).toEqual(everything);
    });

    test('a download that breaks off goes on where it was', async () => {
      const work = when('large.deb', atFirst(1, breakAfter(100_000)), () => fetch(lock));
      expect(await work).toEqual(everything);
      expect(requestsFor('large')).toEqual(['GET /pool/large.deb', expect.stringMatching(/^GET \/pool\/large\.deb bytes=\d+-$/)]);
      await expectOnlyWhole();
    });

    test('a server that knows no ranges sends it all again', async () => {
      let count = 0;
      const how: Misbehaviour = (response, body, request) => {
        count += 1;
        return count === 1 ? breakAfter(100_000)(response, body, request) : replaceBy((bytes) => bytes)(response, body, request);
      };
      expect(await when('large.deb', how, () => fetch(lock))).toEqual(everything);
      expect(requestsFor('large').length).toBe(2);
      await expectOnlyWhole();
    });

    test('one that always breaks off is given up, saying where', async () => {
      const failure = await when('large.deb', breakAfter(1000), () => failureOf(fetch(lock)));
      expect(failure).toMatchObject({
        code: 'MIRROR_UNREACHABLE',
        exit: 5,
        message: expect.stringContaining(`${mirror.uri}/pool/large.deb could not be fetched`) as string,
        hint: 'Check the network and the proxy, or set another mirror.',
      });
      await expectOnlyWhole();
    });

    test('a server that falls silent is asked again', async () => {
      const silent: Misbehaviour = (response, body) => {
        response.writeHead(200, { 'content-length': body.length });
        response.write(body.subarray(0, 50_000));
        return true;
      };
      const work = when('large.deb', atFirst(1, silent), () => fetch(lock, { stallMs: 300 }));
      expect(await work).toEqual(everything);
      const failure = await when('large.deb', silent, async () => {
        await rm(join(cacheDir, 'packages'), { recursive: true });
        return failureOf(fetch(lock, { stallMs: 300 }));
      });
      expect(failure).toMatchObject({
        code: 'MIRROR_UNREACHABLE',
        message: expect.stringMatching(/nothing came for 0\.3 s$/) as string,
      });
    });

    test.for([
      [404, 'NOT_FOUND', 7, /no longer has this version/],
      [500, 'MIRROR_UNREACHABLE', 5, /another mirror/],
    ] as const)('a server that answers %d', async ([status, code, exit, hint]) => {
      const failure = await when('web-library.deb', answer(status), () => failureOf(fetch(lock)));
      expect(failure).toMatchObject({ code, exit, hint: expect.stringMatching(hint) as string });
      expect(failure.message).toContain(`/pool/web-library.deb answered ${status}`);
    });

    test('one that is damaged in the cache is found and fetched again', async () => {
      await fetch(lock);
      const item = lock.packages.find(({ name }) => name === 'large');
      const path = join(cacheDir, 'packages', `${item?.sha256}.deb`);
      const whole = await readFile(path);
      for (const damaged of [withOneByteChanged(whole), whole.subarray(1), Buffer.alloc(0)]) {
        await writeFile(path, damaged);
        mirror.requests.length = 0;
        expect(await fetch(lock)).toEqual(everything);
        expect(mirror.requests).toEqual(['GET /pool/large.deb']);
        expect(await readFile(path)).toEqual(whole);
      }
    });

    test('--offline uses what the cache holds, and names what it lacks', async () => {
      await fetch(lock);
      mirror.requests.length = 0;
      expect(await fetch(lock, { offline: true })).toEqual(everything);
      const item = lock.packages.find(({ name }) => name === 'web-library');
      await rm(join(cacheDir, 'packages', `${item?.sha256}.deb`));
      expect(await failureOf(fetch(lock, { offline: true }))).toMatchObject({
        code: 'MIRROR_UNREACHABLE',
        message: 'web-library 1.0 is not in the cache',
        hint: 'Build once without --offline.',
      });
      expect(mirror.requests).toEqual([]);
    });

    test('two builds at once bring each package once', async () => {
      const slowly: Misbehaviour = (response, body) => {
        setTimeout(() => response.end(body), 100);
        return true;
      };
      expect(await when('.deb', slowly, () => Promise.all([fetch(lock), fetch(lock)]))).toEqual([everything, everything]);
      expect(mirror.requests.length).toBe(4);
    });

    test('a build that fails does not take another along', async () => {
      const cancelled = new AbortController();
      const slowly: Misbehaviour = (response, body) => {
        setTimeout(() => response.end(body), 300);
        return true;
      };
      const [failure, names] = await when('large.deb', slowly, () => {
        const first = failureOf(fetch(lock, { signal: cancelled.signal }));
        const second = fetch(lock);
        setTimeout(() => cancelled.abort(), 100);
        return Promise.all([first.catch((error: Error) => error.name), second]);
      });
      expect(failure).toBe('AbortError');
      expect(names).toEqual(everything);
    });
  });
});
