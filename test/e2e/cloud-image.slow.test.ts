import { mkdtemp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createApp } from '../../src/app.ts';
import type { Manifest } from '../../src/model/manifest.ts';
import type { Plan } from '../../src/model/plan.ts';
import type { Verdict } from '../../src/model/check.ts';
import { type Vendor, startVendor } from '../signed-medium.ts';
import { needs } from '../tools.ts';
import { builtImage, removeBuiltImages } from './built-image.ts';
import { machineTools, minutes } from './machine-bench.ts';

/**
 * The whole way of the engine cloud-image: a cloud image that we built ourselves, published with a signature, is booted, provisioned
 * and sealed anew with another definition; the result passes the checks that any image passes.
 */
describe.skipIf(needs(...machineTools, 'gpg', 'gpgv', 'qemu-img'))('from a signed cloud image', () => {
  let folder: string;
  let vendor: Vendor;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'cloud-image-'));
    vendor = await startVendor(folder);
    const image = await builtImage('debian-12');
    await vendor.publish('debian-12-generic-amd64.qcow2', image.disk);
  }, 15 * minutes);
  afterAll(async () => {
    await vendor.close();
    await rm(folder, { recursive: true, force: true });
    await removeBuiltImages();
  });

  test('an image of another definition is made, and passes the same checks', { timeout: 40 * minutes }, async () => {
    const templates = join(folder, 'templates');
    await mkdir(join(templates, 'scripts'), { recursive: true });
    await writeFile(
      join(templates, 'scripts/site.sh'),
      '#!/bin/sh\nset -eu\necho "made for $ROLE" >/etc/motd\nuname -r >/etc/made-on\n',
    );
    await writeFile(join(templates, 'files-issue'), 'No entry\n');
    await writeFile(
      join(templates, 'from-cloud.yaml'),
      `name: from-cloud
distro: debian
release: bookworm
platforms: [kvm]
engine:
  name: cloud-image
  options:
    source:
      url: ${vendor.url}/debian-12-generic-amd64.qcow2
      digests: ${vendor.url}/SHA256SUMS
      signature: ${vendor.url}/SHA256SUMS.gpg
      keyring: ${vendor.keyring}
disk: { size: 4GiB }
timezone: Europe/Paris
provisioning:
  - script: scripts/site.sh
    environment: { ROLE: web }
  - file: files-issue
    to: /etc/issue.net
    mode: '0640'
`,
    );
    const cacheDir = process.env['GABARIT_CACHE'] ?? join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'gabarit');
    const app = await createApp({ cacheDir });
    const log: string[] = [];
    app.bus.listen((event) => {
      if (event.type === 'log') log.push(event.message);
    });
    const request = {
      templates: [join(templates, 'from-cloud.yaml')],
      force: false,
      jobs: 1,
      checkReproducible: false,
      verify: false,
      offline: false,
      outputDir: join(folder, 'out'),
    };
    const [result] = await app.build(request, new AbortController().signal);
    if (result?.error)
      throw new Error(
        `${result.error.message}\n${result.error.faults.map(({ message }) => message).join('\n')}\n${log.slice(-40).join('\n')}`,
      );
    expect(result?.outcome).toBe('done');
    const read = async <T>(name: string): Promise<T> => JSON.parse(await readFile(join(result?.output ?? '', name), 'utf8')) as T;
    const plan = await read<Plan>('plan.json');
    expect(plan.medium).toMatchObject({
      kind: 'image',
      signed: { fingerprint: expect.stringMatching(/^[0-9A-F]{40}$/) as string },
    });
    const manifest = await read<Manifest>('manifest.json');
    expect(manifest.sizes.virtual).toBe(4 * 2 ** 30);
    expect(manifest.checks.fail).toBe(0);
    expect(manifest.checks.pass).toBeGreaterThan(60);
    const verdicts = await app.verify(result?.output ?? '', { boot: true }, new AbortController().signal);
    const failed = verdicts.filter(({ status }: Verdict) => status === 'fail');
    expect(failed).toEqual([]);
    // The same plan again makes nothing.
    const [again] = await app.build(request, new AbortController().signal);
    expect(again?.outcome).toBe('unchanged');
  });
});
