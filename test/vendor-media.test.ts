import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { inspectMedium } from '../src/disk/inspect-medium.ts';
import { openIso9660 } from '../src/disk/iso9660.ts';
import * as registry from '../src/distros/index.ts';
import type { Distro, Release } from '../src/model/distro.ts';
import { exec } from '../src/util/exec.ts';
import { memorySource } from './small-ext4.ts';
import { needs } from './tools.ts';

/** A medium of every release that we have facts on, laid out as its vendor lays out his: what Gabarit says of it must be what the facts say. */

type Files = Record<string, string>;

interface Medium {
  volumeId: string;
  files: Files;
}

const point: Record<string, string> = { '11': '11.11.0', '12': '12.12.0', '13': '13.1.0', '8': '8.10', '9': '9.6', '10': '10.0' };

function debian({ id, codename }: Release): Medium {
  const version = point[id] ?? id;
  return {
    volumeId: `Debian ${version} amd64 n`,
    files: {
      '.disk/info': `Debian GNU/Linux ${version} "${codename}" - Official amd64 NETINST with firmware 20250906-10:22`,
      '.disk/base_installable': '',
      '.disk/udeb_include': 'netcfg\n',
      [`dists/${codename}/Release`]: `Suite: stable\nCodename: ${codename}\n`,
      'isolinux/isolinux.cfg': 'default install\n',
    },
  };
}

function ubuntu({ id, title }: Release): Medium {
  const name = /"([^"]+)"/.exec(title)?.[1] ?? '';
  return {
    volumeId: `Ubuntu-Server ${id}.1 LTS amd64`,
    files: {
      '.disk/info': `Ubuntu-Server ${id}.1 LTS "${name}" - Release amd64 (20260210)`,
      'casper/install-sources.yaml': '- id: ubuntu-server\n',
      'boot/grub/grub.cfg': 'set timeout=30\n',
    },
  };
}

function anaconda(name: string, volume: (version: string) => string): (release: Release) => Medium {
  return ({ id }) => {
    const version = name === 'CentOS Stream' ? id : (point[id] ?? id);
    const family = `family = ${name}\nversion = ${version}\narch = x86_64\nname = ${name} ${version}\nvariant = BaseOS\n`;
    return {
      volumeId: volume(version.replace('.', '-')),
      files: {
        '.treeinfo': `[header]\ntype = productmd.treeinfo\nversion = 1.2\n\n[general]\n${family}\n[release]\nname = ${name}\nversion = ${version}\n\n[tree]\narch = x86_64\n`,
        '.discinfo': `1747000000.0\n${version}\nx86_64\n`,
        'media.repo': `[InstallMedia]\nname=${name} ${version}\n`,
        'images/install.img': 'squashfs',
        'EFI/BOOT/grub.cfg': 'set timeout=60\n',
        'BaseOS/repodata/repomd.xml': '<repomd/>',
      },
    };
  };
}

function opensuse({ id, installer }: Release): Medium {
  if (installer.kind === 'agama') {
    return {
      volumeId: `Install-Leap-${id}-x86_64`,
      files: { 'LiveOS/squashfs.img': 'squashfs', 'boot/x86_64/loader/isolinux.cfg': '' },
    };
  }
  return {
    volumeId: `openSUSE-Leap-${id}-DVD-x86_64`,
    files: {
      'media.1/products': `/ openSUSE-Leap ${id}-1\n`,
      'media.1/media': `openSUSE - openSUSE-Leap-${id}-x86_64-Media\n`,
      'boot/x86_64/root': 'squashfs',
    },
  };
}

const layouts: Record<string, (release: Release) => Medium> = {
  debian,
  ubuntu,
  rocky: anaconda('Rocky Linux', (version) => `Rocky-${version}-x86_64-dvd`),
  almalinux: anaconda('AlmaLinux', (version) => `AlmaLinux-${version}-x86_64-dvd`),
  'centos-stream': anaconda('CentOS Stream', (version) => `CentOS-Stream-${version}-BaseOS-x86_64`),
  rhel: anaconda('Red Hat Enterprise Linux', (version) => `RHEL-${version}-0-BaseOS-x86_64`),
  opensuse,
};

const distros: Distro[] = Object.values(registry);
const cases = distros.flatMap((distro) =>
  distro.releases.map((release) => [`${distro.id} ${release.id}`, distro, release] as const),
);

describe.skipIf(needs('xorriso'))('a medium of', () => {
  let folder = '';
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'gabarit-media-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  async function inspected({ volumeId, files }: Medium): Promise<Awaited<ReturnType<typeof inspectMedium>>> {
    const tree = await mkdtemp(join(folder, 'tree-'));
    for (const [path, text] of Object.entries(files)) {
      await mkdir(dirname(join(tree, path)), { recursive: true });
      await writeFile(join(tree, path), text);
    }
    await exec(['xorriso', '-as', 'mkisofs', '-quiet', '-R', '-J', '-V', volumeId, '-o', `${tree}.iso`, tree]);
    return inspectMedium(await openIso9660(memorySource(await readFile(`${tree}.iso`))));
  }

  test.each(cases)('%s is told by what lies on it', async (_, distro, release) => {
    const { installer } = release;
    const medium = layouts[distro.id]?.(release);
    if (!medium) throw new Error(`no layout for ${distro.id}`);
    const boot = Object.fromEntries([installer.boot.kernel, installer.boot.initrd].map((path) => [path.slice(1), 'x']));
    const found = await inspected({ ...medium, files: { ...medium.files, ...boot } });
    expect(found).toMatchObject({
      kind: 'installer',
      installer: installer.kind,
      distro: distro.osReleaseId.replace('-leap', ''),
      ...(installer.kind === 'agama' ? {} : { source: expect.stringMatching(/^\//) }),
    });
    expect(found.release?.startsWith(release.id)).toBe(true);
    if (installer.kind !== 'agama' || found.arch !== undefined) expect(found.arch).toBe('amd64');
    expect(found.volumeId).toBe(medium.volumeId);
  });

  test.each(cases.filter(([, , { installer }]) => installer.kind !== 'agama'))(
    '%s with nothing known on it is told by its name',
    async (_, distro, release) => {
      const found = await inspected({ volumeId: layouts[distro.id]?.(release).volumeId ?? '', files: { 'readme.txt': 'x' } });
      expect(found).toMatchObject({
        kind: 'installer',
        installer: release.installer.kind,
        distro: distro.osReleaseId.replace('-leap', ''),
        arch: 'amd64',
        source: 'the name of the volume',
      });
      expect(found.release?.startsWith(release.id)).toBe(true);
    },
  );
});
