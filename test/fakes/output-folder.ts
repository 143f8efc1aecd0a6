import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Manifest } from '../../src/model/manifest.ts';
import { digestOf } from '../../src/util/digest.ts';

const zeros = `sha256:${'0'.repeat(64)}`;

/** Writes an output folder as a build leaves it, with small files, and returns its path. `change` may alter the manifest. */
export async function writeOutputFolder(
  parent: string,
  template: string,
  version: string,
  change: (manifest: Manifest) => Manifest = (manifest) => manifest,
): Promise<string> {
  const folder = join(parent, template, version);
  await mkdir(folder, { recursive: true });
  const file = async (name: string, content: string): Promise<{ name: string; size: number; digest: string }> => {
    await writeFile(join(folder, name), content);
    return { name, size: Buffer.byteLength(content), digest: digestOf(content) };
  };
  const manifest: Manifest = {
    schema: 'gabarit.manifest/1',
    template,
    version,
    description: 'A small image',
    created: '2026-11-23T10:00:00.000Z',
    definitions: [],
    os: { distro: 'debian', release: '12', codename: 'bookworm', pretty: 'Debian GNU/Linux 12 (bookworm)', pointRelease: '12.9' },
    arch: 'amd64',
    platforms: ['kvm', 'xen'],
    firmware: 'both',
    plan: zeros,
    sourceDateEpoch: 1_700_000_000,
    sizes: { virtual: 3 * 2 ** 30, root: 700 * 2 ** 20 },
    packages: { count: 412, lock: zeros },
    artifacts: [
      { ...(await file('disk.qcow2', `disk of ${template} ${version}`)), format: 'qcow2', mediaType: 'application/x-qcow2' },
    ],
    evidence: [
      { ...(await file('plan.json', '{}')), kind: 'plan' },
      { ...(await file('checks.json', '[]')), kind: 'check-report' },
    ],
    checks: { pass: 40, fail: 0, warn: 1, skip: 2, booted: false },
    build: { gabarit: '0.1.0', seconds: { convert: 1 }, tools: {} },
  };
  await writeFile(join(folder, 'manifest.json'), `${JSON.stringify(change(manifest), null, 2)}\n`);
  return folder;
}
