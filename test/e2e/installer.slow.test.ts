import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createApp } from '../../src/app.ts';
import { findMirrors } from '../../src/engines/index.ts';
import { needs } from '../tools.ts';
import { machineTools, minutes } from './machine-bench.ts';

const images = '/usr/lib/debian-installer/images/12/amd64/text/debian-installer/amd64';

/**
 * The real Debian installer, started directly in QEMU with our answers behind its initial ramdisk. It finds a mirror with signed
 * indexes and no components: it must get as far as that without a question, and we must say what it lacks.
 */
describe.skipIf(needs(...machineTools, `${images}/linux`, `${images}/initrd.gz`))("Debian's own installer", () => {
  let folder: string;
  let mirror: Server;
  const asked: string[] = [];
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'installer-'));
    const { debian } = await findMirrors({});
    mirror = createServer((request, response) => {
      const path = request.url ?? '';
      asked.push(path);
      const fetchAnswer = async (): Promise<void> => {
        const found = path.endsWith('.udeb') ? undefined : await fetch(`${debian}${path.replace(/^\/debian/, '')}`);
        const body = found?.ok ? Buffer.from(await found.arrayBuffer()) : undefined;
        response.writeHead(body ? 200 : 404).end(body);
      };
      fetchAnswer().catch(() => response.writeHead(502).end());
    });
    await new Promise<void>((resolve) => mirror.listen(0, '127.0.0.1', resolve));
  });
  afterAll(async () => {
    await new Promise((resolve) => mirror.close(resolve));
    await rm(folder, { recursive: true, force: true });
  });

  test('reads the answers, asks nothing, and stops where the mirror lacks its components', {
    timeout: 30 * minutes,
  }, async () => {
    const definition = join(folder, 'by-installer.yaml');
    await writeFile(
      definition,
      `name: by-installer
distro: debian
release: bookworm
platforms: [kvm]
disk: { size: 4GiB, firmware: bios }
engine:
  name: installer
  options:
    mirror: http://10.0.2.2:${(mirror.address() as AddressInfo).port}/debian
    memoryMiB: 1024
    netboot: { kernel: ${images}/linux, initrd: ${images}/initrd.gz }
`,
    );
    const app = await createApp({ cacheDir: join(folder, 'cache') });
    const seen: { note: string; at: number }[] = [];
    app.bus.listen((event) => {
      if (event.type === 'step.progress' && event.step === 'install') seen.push({ note: event.note ?? '', at: Date.now() });
    });
    const request = {
      templates: [definition],
      force: false,
      jobs: 1,
      checkReproducible: false,
      verify: false,
      offline: false,
      outputDir: join(folder, 'out'),
    };
    const [result] = await app.build(request, new AbortController().signal);
    const error = result?.error;
    expect(error?.message).toMatch(
      /^The installer stopped while loading components 1: (\S+): the mirror lacks installer components: \1$/,
    );
    expect(error).toMatchObject({ code: 'BUILD_FAILED', hint: expect.stringContaining('debian-installer section') as string });
    expect(seen.map(({ note }) => note.replace(/ \d+: .*/, ' N'))).toEqual([
      'starting',
      'reading its answers',
      'configuring the network',
      'loading components',
      'loading components N',
    ]);
    expect(Date.now() - (seen.at(-1)?.at ?? 0)).toBeLessThan(2 * minutes);
    expect(asked.some((path) => path.endsWith('/main/debian-installer/binary-amd64/Packages.xz'))).toBe(true);
    const files = error?.details['files'] as string[];
    const log = await readFile(files.find((path) => path.includes('/log-')) ?? '', 'utf8');
    expect(log).toContain('preseed: successfully loaded preseed file from file:///preseed.cfg');
    expect(log).toContain('Good signature from');
    const screenshot = await readFile(files.find((path) => path.endsWith('.png')) ?? '');
    expect(screenshot.subarray(1, 4).toString()).toBe('PNG');
  });
});
