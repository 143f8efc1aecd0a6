import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import type { PublishedImage } from '../../src/model/catalog.ts';
import { openS3Store } from '../../src/stores/s3.ts';
import { digestOf } from '../../src/util/digest.ts';
import { Scope } from '../../src/util/scope.ts';
import { cycloneDxFaults } from '../sbom-schema.ts';
import { needsRadosgw, type Radosgw, startRadosgw } from '../peers/radosgw.ts';
import { needs } from '../tools.ts';
import { startGabarit } from './gabarit-process.ts';

/** The list of components is CycloneDX, names exactly what is installed, each with the digest of its .deb, and is evidence of the published image. */
async function hasWholeSbom(output: string, shown: Record<string, unknown>): Promise<void> {
  const bytes = await readFile(join(output, 'sbom.cdx.json'));
  const sbom = JSON.parse(bytes.toString()) as {
    components: {
      type: string;
      purl: string;
      name: string;
      version: string;
      hashes?: unknown[];
      licenses?: unknown[];
      properties?: { name: string; value: string }[];
    }[];
  };
  expect(cycloneDxFaults(sbom)).toEqual([]);
  const { packages } = JSON.parse(await readFile(join(output, 'inventory.json'), 'utf8')) as { packages: Record<string, string> };
  const libraries = sbom.components.filter(({ type }) => type === 'library');
  const architecture = (item: (typeof libraries)[number]): string =>
    item.properties?.find(({ name }) => name === 'gabarit:architecture')?.value ?? '';
  expect(Object.fromEntries(libraries.map((item) => [`${item.name}:${architecture(item)}`, item.version]))).toEqual(packages);
  expect(libraries.filter(({ hashes }) => !hashes)).toEqual([]);
  // Most of Debian's copyright files are machine readable.
  expect(libraries.filter(({ licenses }) => licenses).length).toBeGreaterThan(libraries.length / 2);
  const { manifest } = shown as { manifest: { evidence: unknown[] } };
  expect(manifest.evidence).toContainEqual({ name: 'sbom.cdx.json', kind: 'sbom', size: bytes.length, digest: digestOf(bytes) });
}

/** The way of an image from its definition into a catalog in a real S3, and to somebody who has never seen it: everything by the command line. */

describe.skipIf(needsRadosgw() || needs('debugfs'))(
  'from a template to a proven image in S3, over TLS with a private authority',
  () => {
    const scope = new Scope();
    let folder = '';
    let peer: Radosgw;
    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), 'rgw-'));
      scope.defer(() => rm(folder, { recursive: true, force: true }));
      await mkdir(join(folder, 'ceph'));
      peer = await startRadosgw(join(folder, 'ceph'), scope);
    });
    afterAll(() => scope.close());
    let url = '';

    /** Runs a command on a machine of that name, which remembers nothing at first; the same cache for all. */
    async function gabarit(
      machine: string,
      ...args: string[]
    ): Promise<{ code: number | string; last: Record<string, unknown>; log: string }> {
      const home = join(folder, machine);
      await mkdir(home, { recursive: true });
      const config = join(home, 'gabarit.yaml');
      const settings = {
        url,
        endpoint: peer.tlsEndpoint,
        ca: peer.ca,
        credentials: { accessKey: 'env:ACCESS', secretKey: 'env:SECRET' },
      };
      await writeFile(config, stringify({ stores: { templates: settings } }));
      const cacheDir =
        process.env['GABARIT_CACHE'] ?? join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'gabarit');
      const run = startGabarit(['--config', config, ...args], {
        cacheDir,
        outputDir: join(folder, 'out'),
        env: {
          HOME: home,
          GABARIT_STATE: join(home, 'state'),
          GABARIT_KEYS: join(home, 'keys'),
          ACCESS: peer.accessKey,
          SECRET: peer.secretKey,
        },
      });
      const code = await run.ended;
      return {
        code,
        last: run.lines.at(-1) ?? {},
        log: JSON.stringify(run.lines.slice(-8)) + run.stderr.join('\n'),
      };
    }

    async function succeed(machine: string, ...args: string[]): Promise<Record<string, unknown>> {
      const { code, last, log } = await gabarit(machine, ...args);
      expect([args.join(' '), code, code === 0 ? '' : log]).toEqual([args.join(' '), 0, '']);
      return last;
    }

    it('is built, published to dev, promoted to stable, and verified from an empty machine; one flipped byte is found', async () => {
      url = `s3://${await peer.bucket()}/images`;
      await succeed('maker', 'key', 'new');
      const built = await succeed('maker', 'build', 'debian-12');
      const [{ output = '' } = {}] = built['results'] as { output?: string }[];
      await succeed('maker', 'publish', output, '--store', url, '--channel', 'dev');
      await succeed('maker', 'catalog', 'promote', 'debian-12@dev', 'stable', '--store', url);
      const image = (await succeed(
        'maker',
        'catalog',
        'resolve',
        'debian-12@stable',
        '--store',
        url,
      )) as unknown as PublishedImage;
      expect(image.digest).toBe(digestOf(await readFile(join(output, 'manifest.json'))));
      const shown = await succeed('maker', 'catalog', 'show', 'debian-12@stable', '--store', url);
      await hasWholeSbom(output, shown);
      expect((await succeed('maker', 'catalog', 'diff', output, 'debian-12@stable', '--store', url))['packages']).toEqual({
        added: {},
        removed: {},
        changed: {},
      });

      await succeed('stranger', 'verify', 'debian-12@stable', '--store', url);

      const settings = peer.settings(url);
      const store = openS3Store(url, {
        settings,
        environment: peer.environment,
        stateDir: join(folder, 'state'),
        emit: () => undefined,
      });
      const key = image.artifacts[0]?.key ?? '';
      const bytes = await buffer(await store.get(key));
      const middle = Math.floor(bytes.length / 2);
      bytes[middle] = (bytes[middle] ?? 0) ^ 1;
      await store.put(key, { bytes }, { digest: digestOf(bytes), size: bytes.length });
      for (const machine of ['stranger', 'another']) {
        const refused = await gabarit(machine, 'verify', 'debian-12@stable', '--store', url);
        expect([refused.code, refused.log]).toEqual([5, expect.stringContaining('DIGEST_MISMATCH')]);
      }
    });
  },
);
