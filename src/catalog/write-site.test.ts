import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { makeCertificate } from '../../test/fakes/xapi/certificates.ts';
import { writeOutputFolder } from '../../test/fakes/output-folder.ts';
import { needs } from '../../test/tools.ts';
import { parseImageReference } from '../model/image-reference.ts';
import type { Store } from '../model/store.ts';
import { defaultStoreSettings } from '../model/store-settings.ts';
import { openFileStore } from '../stores/file.ts';
import { openHttpStore } from '../stores/http.ts';
import { exec } from '../util/exec.ts';
import { Scope } from '../util/scope.ts';
import { openCatalog } from './open-catalog.ts';
import { publish } from './publish.ts';
import { xzStored } from './xz-stored.ts';

let folder = '';
let scope = new Scope();
beforeEach(async () => {
  scope = new Scope();
  folder = await mkdtemp(join(tmpdir(), 'gabarit-site-'));
  scope.defer(() => rm(folder, { recursive: true }));
});
afterEach(() => scope.close());
const ref = parseImageReference;

/** Three images of one template; dev and stable point at the last two, the first one is revoked. */
async function filled(): Promise<Store> {
  const store = openFileStore(join(folder, 'store'));
  for (const version of ['20261120.1', '20261120.2', '20261120.3'])
    await publish(await writeOutputFolder(folder, 'debian-12', version), store, {
      emit: () => undefined,
      endOfLife: () => ({ full: '2026-06-10', lts: '2028-06-30' }),
      channel: 'dev',
    });
  const catalog = openCatalog(store, { site: true });
  await catalog.promote('stable', ref('debian-12@20261120.2'), 'none');
  await catalog.revoke(ref('debian-12@20261120.1'), '<script>alert("a hole")</script> & more', { fallback: false });
  return store;
}

/** Serves the store as any web server does. */
async function serve(): Promise<{ url: string; ca: string }> {
  const { key, cert } = await makeCertificate(folder, '127.0.0.1', 'itself');
  const ca = join(folder, 'server.pem');
  await writeFile(ca, cert);
  const server = createServer({ key, cert }, (request, response) => {
    readFile(join(folder, 'store', new URL(request.url ?? '', 'https://x').pathname)).then(
      (bytes) => response.writeHead(200, { 'content-length': bytes.length }).end(request.method === 'HEAD' ? undefined : bytes),
      () => response.writeHead(404).end(),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  scope.defer(
    () =>
      new Promise<void>((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  );
  return { url: `https://127.0.0.1:${(server.address() as AddressInfo).port}`, ca };
}

describe('the page', () => {
  it('shows what there is, needs nothing else, and takes no name or reason for markup', async () => {
    const page = await text(await (await filled()).get('index.html'));
    expect(page).toContain('<span class="tag good">stable</span>');
    expect(page).toContain('&lt;script&gt;alert(&quot;a hole&quot;)&lt;/script&gt; &amp; more');
    expect(page).toMatch(/long-term support until 2028-06-30/);
    expect(page).not.toMatch(/<script|<link|<img|src=|@import|url\(/i);
    const links = [...page.matchAll(/href="([^"#]+)"/g)].map(([, link]) => link ?? '');
    expect(links).toHaveLength(6);
    for (const link of links) expect(await openFileStore(join(folder, 'store')).head(link)).toBeDefined();
  });
});

describe.skipIf(needs('openssl'))('over HTTPS, with an authority of its own', () => {
  it('a catalog is read without a list, and proven', async () => {
    await filled();
    const { url, ca } = await serve();
    const store = openHttpStore(url, { settings: { ...defaultStoreSettings(url), ca } });
    const catalog = openCatalog(store);
    expect((await catalog.list()).map(({ template, images }) => [template, images.length])).toEqual([['debian-12', 3]]);
    const image = await catalog.resolve(ref('debian-12@stable'));
    expect(image.version).toBe('20261120.2');
    expect((await catalog.show(ref('debian-12@stable'))).manifest.version).toBe('20261120.2');
    const [disk] = image.artifacts;
    await store.download(disk?.key ?? '', join(folder, 'disk'), { digest: disk?.digest ?? '', size: disk?.size ?? 0 });
    expect(await readFile(join(folder, 'disk'), 'utf8')).toBe('disk of debian-12 20261120.2');
    await expect(catalog.resolve(ref('debian-21'))).rejects.toThrow('did you mean "debian-12"?');
    await expect(catalog.promote('dev', ref('debian-12@20261120.2'), image.digest)).rejects.toThrow('can only be read');
    await expect(openCatalog(openHttpStore(url, {})).list()).rejects.toMatchObject({ code: 'STORE_FAILED' });
  });

  it.skipIf(needs('lxc'))('is a remote for the client of LXD, which finds and proves each image', async () => {
    await filled();
    const { url, ca } = await serve();
    await mkdir(join(folder, 'lxc'));
    const env = { SSL_CERT_FILE: ca, LXD_CONF: join(folder, 'lxc'), HOME: folder };
    const lxc = async (...args: string[]): Promise<string> => (await exec(['lxc', ...args], { env })).stdout;
    await lxc('remote', 'add', 'house', url, '--protocol', 'simplestreams');
    const listed = (await lxc('image', 'list', 'house:', '--format', 'csv', '-c', 'ldt')).trim().split('\n').toSorted();
    expect(listed).toEqual([
      'debian-12 (3 more),Debian 12 (bookworm) amd64 (20261120.3),VIRTUAL-MACHINE',
      'debian-12/stable (1 more),Debian 12 (bookworm) amd64 (20261120.2),VIRTUAL-MACHINE',
    ]);
    for (const [name, version] of [
      ['debian-12', '20261120.3'],
      ['debian-12/stable', '20261120.2'],
    ] as const) {
      const target = join(folder, version);
      await mkdir(target);
      await lxc('image', 'export', `house:${name}`, target, '--vm');
      expect(await readFile(join(target, 'disk.qcow2'), 'utf8')).toBe(`disk of debian-12 ${version}`);
      const { stdout } = await exec(['tar', '-xJOf', join(target, 'incus.tar.xz'), 'metadata.yaml']);
      expect(stdout).toContain('architecture: x86_64');
      expect(stdout).toContain(`serial: "${version}"`);
    }
    await writeFile(
      join(
        folder,
        'store',
        (await openCatalog(openFileStore(join(folder, 'store'))).resolve(ref('debian-12'))).artifacts[0]?.key ?? '',
      ),
      'disk of debian-12 20261120.4',
    );
    await mkdir(join(folder, 'bad'));
    await expect(lxc('image', 'export', 'house:debian-12', join(folder, 'bad'), '--vm')).rejects.toThrow(
      'lxc image export failed',
    );
  });
});

describe.skipIf(needs('xz'))('an xz file that only stores', () => {
  it.each([0, 1, 3, 4, 65_535, 65_536, 65_537, 200_001])('of %i bytes is read by xz', async (size) => {
    const content = Buffer.alloc(size, 'gabarit ');
    const path = join(folder, 'a.xz');
    await writeFile(path, xzStored(content));
    await exec(['xz', '--test', path]);
    await exec(['xz', '--decompress', path]);
    expect((await readFile(join(folder, 'a'))).equals(content)).toBe(true);
  });
});
