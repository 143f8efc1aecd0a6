import { readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
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
  let templates: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'cloud-image-'));
    vendor = await startVendor(folder);
    const image = await builtImage('debian-12');
    await vendor.publish('debian-12-generic-amd64.qcow2', image.disk);
    templates = join(folder, 'templates');
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
  }, 15 * minutes);
  afterAll(async () => {
    await vendor.close();
    await rm(folder, { recursive: true, force: true });
    await removeBuiltImages();
  });

  const cacheDir = process.env['GABARIT_CACHE'] ?? join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'gabarit');
  const requestIn = (outputDir: string): Parameters<Awaited<ReturnType<typeof createApp>>['build']>[0] => ({
    templates: [join(templates, 'from-cloud.yaml')],
    force: false,
    jobs: 1,
    checkReproducible: false,
    verify: false,
    offline: false,
    outputDir: join(folder, outputDir),
  });

  test('an image of another definition is made, and passes the same checks', { timeout: 40 * minutes }, async () => {
    const app = await createApp({ cacheDir });
    const log: string[] = [];
    app.bus.listen((event) => {
      if (event.type === 'log') log.push(event.message);
    });
    const request = requestIn('out');
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

  test('a machine that dies in the middle is told, and leaves nothing', { timeout: 20 * minutes }, async () => {
    const app = await createApp({ cacheDir });
    const before = { disks: await readdir(join(cacheDir, 'layers/disk')), runs: await readdir(join(cacheDir, 'runs')) };
    let killed = 0;
    app.bus.listen((event) => {
      if (killed === 0 && event.type === 'step.progress' && event.step === 'provision' && event.note === 'scripts/site.sh')
        killed = killMachine();
    });
    // Another plan than the one that was built.
    const file = join(templates, 'from-cloud.yaml');
    await writeFile(file, (await readFile(file, 'utf8')).replace('Europe/Paris', 'Europe/Berlin'));
    const [result] = await app.build(requestIn('out-dead'), new AbortController().signal);
    expect(killed).toBeGreaterThan(0);
    expect(result?.error).toMatchObject({
      code: 'BUILD_FAILED',
      message: expect.stringMatching(/^The machine ended in the middle of the build: QEMU ended \(SIGKILL\)/) as string,
      details: { files: [expect.stringMatching(/failures\/from-cloud\/serial-build-\w+\.log$/) as string] },
    });
    const [kept = ''] = (result?.error?.details['files'] ?? []) as string[];
    expect(await readFile(kept, 'utf8')).toContain('login:');
    await rm(dirname(kept), { recursive: true });
    const isLock = (name: string): boolean => name.endsWith('.lock');
    const now = { disks: await readdir(join(cacheDir, 'layers/disk')), runs: await readdir(join(cacheDir, 'runs')) };
    expect(now.disks.filter((name) => !isLock(name)).toSorted()).toEqual(before.disks.filter((name) => !isLock(name)).toSorted());
    expect(now.runs.toSorted()).toEqual(before.runs.toSorted());
    expect((await readdir(join(folder, 'out-dead/from-cloud'))).filter((name) => name !== '.lock')).toEqual([]);
  });
});

/** Ends the one machine that this process has started for a build, as the kernel does when memory is short. Its id, or 0. */
function killMachine(): number {
  for (const pid of readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)) {
    const read = (name: string): string => {
      try {
        return readFileSync(`/proc/${pid}/${name}`, 'utf8');
      } catch {
        return '';
      }
    };
    if (!read('cmdline').startsWith('qemu-system-x86_64\0-name\0build-')) continue;
    if (Number(/^PPid:\s+(\d+)/m.exec(read('status'))?.[1]) !== process.pid) continue;
    process.kill(pid, 'SIGKILL');
    return pid;
  }
  return 0;
}
