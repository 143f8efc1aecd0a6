import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { needs } from '../../../../test/tools.ts';
import { mediumSourceSchema } from '../../../model/medium.ts';
import { exec } from '../../../util/exec.ts';
import { fetchMedium } from './fetch-medium.ts';
import { digestsOf, pinMedium, pinVendorFile } from './pin-medium.ts';

const image = Buffer.from('a disk image, as far as digests are concerned');
const sha256 = createHash('sha256').update(image).digest('hex');
let folder: string;
let server: Server;
let base: string;
const served = new Map<string, Buffer>();
const asked: string[] = [];

function context(): Parameters<typeof fetchMedium>[1] {
  return { cacheDir: join(folder, 'cache'), offline: false, signal: new AbortController().signal, emit: () => undefined };
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'media-'));
  server = createServer((request, response) => {
    asked.push(request.url ?? '');
    const body = served.get(request.url ?? '');
    response.writeHead(body ? 200 : 404);
    // Late enough for two who ask at once to meet.
    setTimeout(() => response.end(body), 100);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  served.set('/disk.qcow2', image);
});
afterAll(async () => {
  await new Promise((resolve) => server.close(resolve));
  await rm(folder, { recursive: true, force: true });
});

describe('fetching', () => {
  test('two who want the same medium at once fetch it once; what lies in the cache is proven again', async () => {
    const medium = { kind: 'image' as const, url: `${base}/disk.qcow2`, digest: `sha256:${sha256}` };
    const paths = await Promise.all([fetchMedium(medium, context()), fetchMedium(medium, context())]);
    expect(paths[0]).toBe(paths[1]);
    expect(paths[0]).toMatch(/\.qcow2$/);
    expect(asked.filter((path) => path === '/disk.qcow2')).toHaveLength(1);
    await writeFile(paths[0], 'spoilt');
    expect(await readFile(await fetchMedium(medium, context()))).toEqual(image);
    await expect(fetchMedium({ ...medium, url: 'http://127.0.0.1:9/disk.qcow2' }, { ...context(), offline: true })).resolves.toBe(
      paths[0],
    );
  });

  test('a medium with the wrong digest is refused and leaves nothing', async () => {
    const medium = { kind: 'iso' as const, url: `${base}/disk.qcow2`, digest: `sha256:${'0'.repeat(64)}` };
    const before = await readdir(join(folder, 'cache/media'));
    await expect(fetchMedium(medium, context())).rejects.toMatchObject({
      code: 'DIGEST_MISMATCH',
      message: expect.stringContaining(sha256) as string,
    });
    const after = (await readdir(join(folder, 'cache/media'))).filter((name) => !name.endsWith('.lock'));
    expect(after).toEqual(before.filter((name) => !name.endsWith('.lock')));
  });

  test('what is not there is said so, also as a file', async () => {
    const missing = { kind: 'iso' as const, digest: `sha256:${'1'.repeat(64)}` };
    await expect(fetchMedium({ ...missing, url: `${base}/none.iso` }, context())).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(fetchMedium({ ...missing, url: `file://${folder}/none.iso` }, context())).rejects.toMatchObject({
      code: 'NOT_FOUND',
    });
    await expect(fetchMedium({ ...missing, url: 'http://127.0.0.1:9/x.iso' }, { ...context(), offline: true })).rejects.toThrow(
      'is not in the cache',
    );
  });
});

test('digests are read in both styles', () => {
  const hex = 'ab'.repeat(32);
  const text = `# comment\n${hex}  a.iso\n${hex.toUpperCase()} *b.iso\nSHA256 (c d.iso) = ${hex}\nSHA512 (e.iso) = ${hex}${hex}\n`;
  expect(digestsOf(text).map(({ name, digest }) => `${name} ${digest.slice(0, 9)}`)).toEqual([
    'a.iso sha256:ab',
    'b.iso sha256:ab',
    'c d.iso sha256:ab',
    'e.iso sha512:ab',
  ]);
});

test.each([
  [
    { path: '/usr/share/keyrings/none.gpg', package: 'vendor-keyring', where: 'Debian 13 has it' },
    'Run "apt-get install vendor-keyring" (Debian 13 has it). Or get it from https://v.example, compare its fingerprint (AB)',
  ],
  [undefined, 'No package brings it: get it from https://v.example, compare its fingerprint (AB)'],
])("a vendor's key that is not on this host: what to do, %o", async (keyring, hint) => {
  const key = {
    owner: 'V <v@v.example>',
    fingerprints: ['AB'],
    url: 'https://v.example',
    verifiedWith: '',
    ...(keyring && { keyring }),
  };
  const file: Parameters<typeof pinVendorFile>[1] = {
    id: 'iso',
    arch: 'amd64',
    folder: `${base}/`,
    name: 'a.iso',
    digests: { name: 'SUMS', algorithm: 'sha256' },
    signature: { kind: 'clearsigned', key },
  };
  await expect(pinVendorFile('iso', file, undefined, context())).rejects.toMatchObject({
    code: 'HOST_NOT_READY',
    message: 'The key of V <v@v.example> is not on this host',
    hint: `${hint}, and name its file in the definition (engine.options.keyring).`,
  });
  expect(asked).not.toContain('/SUMS');
});

test('a source without anything that proves it is refused', () => {
  const messages = (source: object): string[] =>
    mediumSourceSchema.safeParse(source).error?.issues.map(({ message }) => message) ?? [];
  expect(messages({ url: 'https://a.example/x' })).toEqual(['needs a digest, or a signed file of digests (digests, keyring)']);
  expect(messages({ url: 'https://a.example/x', digests: 'https://a.example/S' })).toEqual([
    'needs a keyring: without a known key it proves nothing',
  ]);
});

describe.skipIf(needs('gpg', 'gpgv'))('signed digests', () => {
  const sums = `${sha256}  disk.qcow2\n`;
  let home: string;
  const gpg = (...args: string[]): ReturnType<typeof exec> =>
    exec(['gpg', '--homedir', home, '--batch', '--yes', '--quiet', '--pinentry-mode', 'loopback', '--passphrase', '', ...args]);

  beforeAll(async () => {
    home = join(folder, 'gpg');
    await mkdir(home, { mode: 0o700 });
    for (const name of ['vendor', 'stranger']) {
      // Old, so that it can have signed something long ago.
      await gpg(
        '--faked-system-time',
        '20190101T000000!',
        '--quick-generate-key',
        `${name}@mirror.example`,
        'ed25519',
        'sign',
        'never',
      );
      await gpg('--output', join(folder, `${name}.gpg`), '--export', name);
      await gpg('--armor', '--output', join(folder, `${name}.asc`), '--export', name);
    }
    await writeFile(join(folder, 'sums'), sums);
    const sign = async (output: string, user: string, ...args: string[]): Promise<void> => {
      await gpg('--local-user', user, '--output', join(folder, output), ...args, join(folder, 'sums'));
      served.set(`/${output}`, await readFile(join(folder, output)));
    };
    await sign('SHA256SUMS.sig', 'vendor', '--detach-sign');
    await sign('SHA256SUMS.asc', 'vendor', '--armor', '--detach-sign');
    await sign('CHECKSUM', 'vendor', '--clearsign');
    await sign('old.sig', 'vendor', '--faked-system-time', '20200101T000000!', '--detach-sign');
    served.set('/SHA256SUMS', Buffer.from(sums));
  });
  afterAll(() => exec(['gpgconf', '--homedir', home, '--kill', 'all']));

  const source = (signature?: string, keyring = 'vendor.gpg', digests = 'SHA256SUMS'): Parameters<typeof pinMedium>[1] => ({
    url: `${base}/disk.qcow2`,
    digests: `${base}/${digests}`,
    ...(signature === undefined ? {} : { signature: `${base}/${signature}` }),
    keyring: join(folder, keyring),
  });

  test.each([
    ['detached, binary', 'SHA256SUMS.sig', 'vendor.gpg', 'SHA256SUMS'],
    ['detached, armoured, with an armoured key', 'SHA256SUMS.asc', 'vendor.asc', 'SHA256SUMS'],
    ['within the file', undefined, 'vendor.gpg', 'CHECKSUM'],
  ])('%s', async (_, signature, keyring, digests) => {
    const medium = await pinMedium('image', source(signature, keyring, digests), context());
    expect(medium).toMatchObject({
      digest: `sha256:${sha256}`,
      signed: { fingerprint: expect.stringMatching(/^[0-9A-F]{40}$/) as string },
    });
  });

  test("a stranger's key, a changed file, and one without a signature are refused", async () => {
    await expect(pinMedium('image', source('SHA256SUMS.sig', 'stranger.gpg'), context())).rejects.toMatchObject({
      code: 'SIGNATURE_INVALID',
      message: expect.stringContaining('which is not in') as string,
    });
    served.set('/changed', Buffer.from(sums.replace('disk', 'dish')));
    await expect(pinMedium('image', source('SHA256SUMS.sig', undefined, 'changed'), context())).rejects.toThrow(
      'its content is not what was signed',
    );
    await expect(pinMedium('image', source(undefined), context())).rejects.toThrow('it has no good signature');
  });

  test('an older file than one that was seen is refused', async () => {
    await pinMedium('image', source('SHA256SUMS.sig'), context());
    await expect(pinMedium('image', source('old.sig'), context())).rejects.toThrow(
      /was signed 2020-01-01.*before what was served/,
    );
  });

  test("of a vendor's files the newest is taken, and only the vendor's own key counts", async () => {
    const sumsOf = ['12.2.0', '12.10.0', '12.9.1'].map(
      (name, index) => `${String(index).repeat(64)}  debian-${name}-netinst.iso\n`,
    );
    await writeFile(join(folder, 'sums'), sumsOf.join(''));
    await gpg('--local-user', 'vendor', '--output', join(folder, 'V.sig'), '--detach-sign', join(folder, 'sums'));
    served.set('/V.sig', await readFile(join(folder, 'V.sig')));
    served.set('/V', Buffer.from(sumsOf.join('')));
    const file = (fingerprints: string[]): Parameters<typeof pinVendorFile>[1] => ({
      id: 'netinst',
      arch: 'amd64',
      folder: `${base}/`,
      name: 'debian-12.*-netinst.iso',
      digests: { name: 'V', algorithm: 'sha256' },
      signature: {
        kind: 'detached',
        name: 'V.sig',
        key: {
          owner: 'V',
          fingerprints,
          url: 'https://v.example',
          verifiedWith: '',
          keyring: { path: join(folder, 'vendor.gpg'), package: 'v' },
        },
      },
    });
    const medium = await pinVendorFile('iso', file([]), undefined, context());
    expect(medium.url).toBe(`${base}/debian-12.10.0-netinst.iso`);
    await expect(pinVendorFile('iso', file(['0'.repeat(40)]), undefined, context())).rejects.toThrow(
      "a key that is not the vendor's",
    );
  });
});
