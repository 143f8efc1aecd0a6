import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { XMLParser } from 'fast-xml-parser';
import { describe, expect, test } from 'vitest';
import * as registry from '../src/distros/index.ts';
import { readVolumeId } from '../src/disk/volume-id.ts';
import { needs } from './tools.ts';

/**
 * Our verdict on the name of a medium beside osinfo-db's: for every medium of the vendors that we know, a name is made from its pattern, and must
 * mean the same system, release and machine to us.
 */

const database = '/usr/share/osinfo/os';

interface Entry {
  id: string;
  distro: string;
  version: string;
  arch: string;
  pattern: string;
  kernel?: string | undefined;
  initrd?: string | undefined;
}

/** Vendors by their folder, with our name for what they make, and the first release whose media we mean to know. */
const vendors: Record<string, { distro: string; from: number }> = {
  'debian.org': { distro: 'debian', from: 7 },
  'ubuntu.com': { distro: 'ubuntu', from: 20.04 },
  'rockylinux.org': { distro: 'rocky', from: 8 },
  'almalinux.org': { distro: 'almalinux', from: 8 },
  'centos.org': { distro: 'centos', from: 8 },
  'redhat.com': { distro: 'rhel', from: 8 },
  'opensuse.org': { distro: 'opensuse', from: 15 },
  'alpinelinux.org': { distro: 'alpine', from: 3.9 },
};
const arches: Record<string, string> = {
  x86_64: 'amd64',
  i686: 'i386',
  aarch64: 'arm64',
  armv7l: 'armhf',
  ppc64le: 'ppc64el',
  s390x: 's390x',
};

const list = <T>(value: T | T[] | undefined): T[] => (value === undefined ? [] : Array.isArray(value) ? value : [value]);

interface OsXml {
  libosinfo: { os: { '@id': string; version?: string; media?: MediaXml | MediaXml[] } };
}
interface MediaXml {
  '@arch': string;
  '@live'?: string;
  iso?: { 'volume-id'?: string };
  kernel?: string;
  initrd?: string;
  variant?: { '@id': string } | { '@id': string }[];
}

function entries(): Entry[] {
  const parser = new XMLParser({ ignoreAttributes: false, attributeNamePrefix: '@', parseTagValue: false });
  return Object.entries(vendors).flatMap(([folder, { distro, from }]) =>
    readdirSync(join(database, folder))
      .filter((name) => name.endsWith('.xml'))
      .flatMap((name) => {
        const { os } = (parser.parse(readFileSync(join(database, folder, name), 'utf8')) as OsXml).libosinfo;
        // "unknown": whatever comes after the last known point release.
        const version = /^\d+(\.\d+)?$/.test(os.version ?? '') ? (os.version ?? '') : (/-(\d+)-unknown/.exec(name)?.[1] ?? '');
        if (version === '' || Number.parseFloat(version) < from || /stream/.test(name) !== (distro === 'centos')) return [];
        return list(os.media).flatMap((media): Entry[] => {
          const pattern = media.iso?.['volume-id'];
          if (pattern === undefined || (media['@live'] === 'true' && distro !== 'ubuntu') || !(media['@arch'] in arches))
            return [];
          const { kernel, initrd } = media;
          return [{ id: os['@id'], distro, version, arch: arches[media['@arch']] ?? '', pattern, kernel, initrd }];
        });
      }),
  );
}

/** A name that a pattern means: the first choice of each, one of what may repeat, nothing of what may be absent where it is only filling. */
function nameOf(pattern: string): string {
  let text = pattern.replaceAll(/^\^|\$$/g, '').replaceAll(String.raw`\d\+?`, String.raw`\d`);
  // Innermost groups first.
  for (let before = ''; before !== text; ) {
    before = text;
    text = text.replaceAll(/\(([^()]*)\)(\?)?/g, (_, choices: string, optional?: string) =>
      optional ? '' : (choices.split('|').at(0) ?? ''),
    );
  }
  return (
    text
      .replaceAll(/\[([-_])[-_]\]/g, '$1')
      .replaceAll(/\[([0-9])-[0-9]\]/g, '$1')
      .replaceAll(/\\d[+*]?/g, '1')
      // Between a version and a machine, Red Hat has the repository that is on the medium.
      .replaceAll(/^\.\*|(?<=[\w])\.\*$/g, '')
      .replaceAll(/(?<=RHEL[-_]\d+[-_]\d+)\.\*(?=\w)/g, '-0-BaseOS-')
      .replaceAll(/(?<=-\d+)\.\*(?=-)/g, '-1')
      .replaceAll(/(?<=\d)\.\*(?= )/g, '.1')
      .replaceAll(/(?<= )\.\*$/g, '1')
      .replaceAll(/\.\+/g, 'dvd')
      .replaceAll(/(\w)\*/g, '$1')
      .replaceAll(String.raw`\.`, '.')
  );
}

describe.skipIf(needs('/usr/share/osinfo/os/debian.org/debian-11.xml'))('osinfo-db', () => {
  const known = entries();

  test('has media of every vendor here', () => {
    expect(known.length).toBeGreaterThan(100);
    expect([...new Set(known.map(({ distro }) => distro))].toSorted()).toEqual(
      Object.values(vendors)
        .map(({ distro }) => distro)
        .toSorted(),
    );
  });

  test('the names made from its patterns are such that it would know them', () => {
    for (const { pattern } of known) {
      const fixed = pattern.replaceAll(String.raw`\d\+?`, String.raw`\d+`);
      expect(nameOf(pattern), pattern).toMatch(new RegExp(fixed));
    }
  });

  test('has the kernel and the initrd of installers where our facts have them', () => {
    const compared: string[] = [];
    for (const { osReleaseId, arches: machines, releases } of Object.values(registry)) {
      const distro = osReleaseId.replace('-leap', '');
      for (const { id, installer } of releases) {
        const major = id.split('.')[0] ?? '';
        const entry = known.find(
          ({ kernel, ...other }) =>
            kernel !== undefined && other.distro === distro && other.arch === 'amd64' && other.version.split('.')[0] === major,
        );
        if (!entry) continue;
        // What starts by BIOS has copies of the same files in /isolinux.
        const atPxe = (path = ''): string => `/${path}`.replace(/^\/isolinux\//, '/images/pxeboot/');
        const { kernel, initrd } = installer.boot;
        expect([atPxe(entry.kernel), atPxe(entry.initrd)], entry.id).toEqual(
          [kernel, initrd].map((path) => path.replace('{arch}', machines.amd64 ?? '')),
        );
        compared.push(`${distro} ${id}`);
      }
    }
    expect(compared).toEqual(
      expect.arrayContaining(['debian 11', 'rocky 8', 'rocky 9', 'almalinux 9', 'rhel 9', 'opensuse 15.6']),
    );
  });

  test('agrees on system, release and machine of every medium', () => {
    const disagreeing = known.flatMap(({ id, distro, version, arch, pattern }) => {
      const name = nameOf(pattern);
      const said = readVolumeId(name);
      // A rolling name: "CentOS-Stream-BaseOS-x86_64" tells no release, and ours does not guess one.
      if (/^CentOS.Stream.BaseOS/.test(name)) return said === undefined ? [] : [`${id}: ${name}`];
      const major = version.split('.')[0] ?? '';
      const same = said?.distro === distro && said.release.startsWith(major) && (said.arch === arch || said.arch === undefined);
      return same
        ? []
        : [`${id} ${arch}: "${name}" is ${said ? `${said.distro} ${said.release} ${said.arch ?? '?'}` : 'unknown'} here`];
    });
    expect(disagreeing).toEqual([]);
  });
});

test('names that follow no rule tell nothing', () => {
  for (const name of ['', 'cidata', 'OEMDRV', 'Debian', 'Ubuntu-Server', 'Rocky-9', 'CDROM', 'AlmaLinux-9'])
    expect(readVolumeId(name)).toBeUndefined();
});
