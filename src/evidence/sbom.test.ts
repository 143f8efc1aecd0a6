import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { cycloneDxFaults } from '../../test/sbom-schema.ts';
import type { Rootfs } from '../model/check.ts';
import { componentListSchema } from '../model/component-list.ts';
import type { SbomFacts } from '../model/package-facts.ts';
import type { Plan } from '../model/plan.ts';
import { readPackages } from './read-packages.ts';
import { sbomOf } from './sbom.ts';
import { spdxDocument } from './spdx.ts';
import { licencesOf, spdxOf } from './shared/licences.ts';

const format = 'Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n';
const copyright = `${format}\nFiles: *\nLicense: GPL-2+\n\nFiles: a\nLicense: Expat or Artistic\n\nLicense: GPL-2+\n text, License: of nothing\n`;

const files: Record<string, string> = {
  '/var/lib/dpkg/status': [
    'Package: zlib1g\nStatus: install ok installed\nArchitecture: amd64\nSource: zlib\nVersion: 1:1.2.13.dfsg-1\nHomepage: http://zlib.net/\n',
    'Package: bash\nStatus: install ok installed\nArchitecture: amd64\nVersion: 5.2.15-2+b7\nDescription: a shell\n Version: 9\n',
    'Package: own-tool\nStatus: install ok installed\nArchitecture: all\nSource: tools (2.0)\nVersion: 1~rc1\nHomepage: not a place\n',
    'Package: gone\nStatus: deinstall ok config-files\nArchitecture: all\nVersion: 1\n',
  ].join('\n'),
  '/usr/share/doc/bash/copyright': copyright,
  '/usr/share/doc/zlib1g/copyright': 'Written for people. License: whatever it says\n',
};
const rootfs = {
  readText: async (path: string) => files[path],
  readFile: async (path: string) => (files[path] === undefined ? undefined : Buffer.from(files[path])),
} as Rootfs;

const plan = {
  id: `sha256:${'a'.repeat(64)}`,
  arch: 'amd64',
  template: { name: 'web', description: 'A web server', distro: 'debian' },
  lock: {
    packages: [
      { name: 'bash', architecture: 'amd64', version: '5.2.15-2+b7', sha256: 'b'.repeat(64) },
      { name: 'zlib1g', architecture: 'amd64', version: '1:1.2.13.dfsg-1', sha256: 'c'.repeat(64) },
      { name: 'removed-by-a-script', architecture: 'amd64', version: '1', sha256: 'd'.repeat(64) },
    ],
  },
} as Plan;

async function facts(): Promise<SbomFacts> {
  return {
    plan,
    version: '20261125.1',
    packages: await readPackages(rootfs),
    os: { pretty: 'Debian GNU/Linux 12 (bookworm)', pointRelease: '12.12' },
    artifacts: [{ name: 'disk.qcow2', digest: `sha256:${'e'.repeat(64)}` }],
    gabarit: '0.1.0',
    sourceDateEpoch: 1_760_000_000,
  };
}

describe('the list of components of an image', () => {
  it('says of every installed package what the lock and the image know', async () => {
    const { components } = sbomOf(await facts()) as { components: Record<string, unknown>[] };
    const [os, bash, own, zlib] = components;
    expect(components).toHaveLength(4);
    expect(os).toMatchObject({ type: 'operating-system', name: 'debian', version: '12.12' });
    expect(bash).toMatchObject({
      name: 'bash',
      version: '5.2.15-2+b7',
      purl: 'pkg:deb/debian/bash@5.2.15-2%2Bb7?arch=amd64&distro=debian-12.12',
      hashes: [{ alg: 'SHA-256', content: 'b'.repeat(64) }],
      licenses: [
        { license: { name: 'Artistic', acknowledgement: 'declared' } },
        { license: { id: 'MIT', acknowledgement: 'declared' } },
        { license: { id: 'GPL-2.0-or-later', acknowledgement: 'declared' } },
      ],
    });
    expect(bash?.['properties']).toContainEqual({
      name: 'gabarit:copyright-sha256',
      value: createHash('sha256').update(copyright).digest('hex'),
    });
    // Installed by a script: it is listed, and no digest is claimed.
    expect(own).toMatchObject({ name: 'own-tool', version: '1~rc1' });
    expect(own).not.toHaveProperty('hashes');
    expect(own).not.toHaveProperty('externalReferences');
    expect(own?.['properties']).toContainEqual({ name: 'gabarit:source-version', value: '2.0' });
    expect(zlib).toMatchObject({
      purl: expect.stringContaining('zlib1g@1:1.2.13.dfsg-1?'),
      externalReferences: [{ url: 'http://zlib.net/' }],
    });
    expect(zlib).not.toHaveProperty('licenses');
  });

  it('is CycloneDX 1.6 by its own schema, which does refuse what is not', async () => {
    const document = sbomOf(await facts());
    expect(cycloneDxFaults(document)).toEqual([]);
    expect(cycloneDxFaults({ ...document, specVersion: 1.6 })).not.toEqual([]);
    expect(cycloneDxFaults({ ...document, components: [{ type: 'library' }] })).toContainEqual(expect.stringContaining('name'));
    const wrong = [{ type: 'library', name: 'a', licenses: [{ license: { id: 'Expat' } }] }];
    expect(cycloneDxFaults({ ...document, components: wrong })).not.toEqual([]);
  });

  it('has the same bytes whenever it is made', async () => {
    expect(JSON.stringify(sbomOf(await facts()))).toBe(JSON.stringify(sbomOf(await facts())));
  });
});

describe('licences', () => {
  it('are read from machine-readable files only', () => {
    expect(licencesOf('License: GPL-2\n')).toEqual([]);
    expect(licencesOf(`${format}License: GPL-3+ with Autoconf exception\nLicense: public-domain, and BSD-3-clause\n`)).toEqual([
      'BSD-3-clause',
      'GPL-3+ with Autoconf exception',
      'public-domain',
    ]);
  });

  it('have an SPDX identifier only where there is one for certain', () => {
    const names = ['GPL-2', 'GPL-3+', 'LGPL-2.1+', 'LGPL-2+', 'GFDL-1.3', 'Expat', 'GPL-9', 'BSD', 'public-domain'];
    expect(names.map(spdxOf)).toEqual([
      'GPL-2.0-only',
      'GPL-3.0-or-later',
      'LGPL-2.1-or-later',
      'LGPL-2.0-or-later',
      'GFDL-1.3-only',
      'MIT',
      undefined,
      undefined,
      undefined,
    ]);
  });
});

describe('the same list in SPDX', () => {
  it('has the packages, digests and names of the other one, and claims no licence', async () => {
    const list = componentListSchema.parse(JSON.parse(JSON.stringify(sbomOf(await facts()))));
    const spdx = spdxDocument(list) as { packages: Record<string, unknown>[]; relationships: object[]; creationInfo: object };
    const [image, os, bash] = spdx.packages;
    expect(spdx).toMatchObject({ spdxVersion: 'SPDX-2.3', name: 'web-20261125.1' });
    expect(spdx.creationInfo).toEqual({ created: '2025-10-09T08:53:20Z', creators: ['Tool: gabarit-0.1.0'] });
    expect(image).toMatchObject({ name: 'web', versionInfo: '20261125.1', comment: `disk.qcow2 sha256:${'e'.repeat(64)}` });
    expect(os).toMatchObject({ name: 'debian', primaryPackagePurpose: 'OPERATING_SYSTEM' });
    expect(bash).toMatchObject({
      SPDXID: 'SPDXRef-package-1',
      name: 'bash',
      versionInfo: '5.2.15-2+b7',
      licenseDeclared: 'NOASSERTION',
      licenseComments: expect.stringMatching(/^Its copyright file mentions: .*GPL-2\.0-or-later/) as string,
      checksums: [{ algorithm: 'SHA256', checksumValue: 'b'.repeat(64) }],
    });
    expect(spdx.relationships).toHaveLength(1 + list.components.length);
    expect(spdxDocument(list)).toEqual(spdx);
  });
});
