import type { MediumInspection } from '../model/inspection.ts';
import { readInstallerInitrd } from './debian-installer.ts';
import type { Iso9660 } from './iso9660.ts';
import { readVolumeId } from './volume-id.ts';

/** What a CD image is, by what lies on it: never by its name. */

type Told = Omit<MediumInspection, 'volumeId' | 'volumeSize' | 'firmware'>;

/** Asked in this order; the first that knows the medium answers. */
const tellers = [
  fromDiskInfo,
  fromTreeInfo,
  fromSuse,
  fromAgama,
  fromAlpine,
  fromArch,
  fromWindows,
  fromInstallerInitrd,
  fromSeed,
  fromVolumeId,
];

export async function inspectMedium(iso: Iso9660): Promise<MediumInspection> {
  const { volumeId, volumeSize, firmware } = iso;
  for (const tell of tellers) {
    const told = await tell(iso);
    if (told) return { volumeId, volumeSize, firmware, ...told };
  }
  return { volumeId, volumeSize, firmware, kind: 'data' };
}

async function has(iso: Iso9660, ...paths: string[]): Promise<boolean> {
  for (const path of paths) if (await iso.find(path)) return true;
  return false;
}

/** Leaves out what is not known. */
function withKnown(told: Told, more: { [K in keyof Told]?: Told[K] | undefined }): Told {
  return { ...told, ...Object.fromEntries(Object.entries(more).filter(([, value]) => value !== undefined && value !== '')) };
}

const arches: Record<string, string> = { x86_64: 'amd64', aarch64: 'arm64', i686: 'i386' };

/** `Debian GNU/Linux 12.5.0 "Bookworm" - Official amd64 NETINST with firmware 20240210-11:27`, and Ubuntu's and their likes. */
async function fromDiskInfo(iso: Iso9660): Promise<Told | undefined> {
  const text = (await iso.readText('/.disk/info'))?.trim().split('\n')[0];
  if (text === undefined || text === '') return undefined;
  const match =
    /^(?:Official |Unofficial )?(?<title>.+?) (?<release>\d[\w.]*|testing|sid|unstable)(?<lts> LTS)?(?: "(?<codename>[^"]+)")?(?: - (?<rest>.*)| (?<tail>.*))?$/.exec(
      text,
    );
  const groups = match?.groups ?? {};
  const rest = groups['rest'] ?? groups['tail'] ?? text;
  const distro = /^[a-z]+/.exec(text.replace(/^(Official|Unofficial) /, '').toLowerCase())?.[0];
  const flavour = /\b(NETINST|BUSINESSCARD|DLBD|DVD|BD|CD|LIVE)\b/i.exec(rest)?.[1];
  const arch = /\b(amd64|i386|arm64|armhf|ppc64el|s390x|riscv64)(?:\/(?:amd64|i386))?\b/.exec(rest)?.[0];
  const kind = await kindOfDebian(iso);
  return withKnown(kind, {
    distro,
    title: text.split(' - ')[0],
    release: groups['release'],
    codename: groups['codename']?.toLowerCase(),
    arch,
    flavour: flavour?.toLowerCase(),
    source: '/.disk/info',
  });
}

/** Which installer there is, by its files. */
async function kindOfDebian(iso: Iso9660): Promise<Told> {
  const isSubiquity = await has(
    iso,
    '/casper/install-sources.yaml',
    '/casper/ubuntu-server-minimal.squashfs',
    '/casper/installer.squashfs',
  );
  if (isSubiquity) return { kind: 'installer', installer: 'subiquity' };
  const isInstaller =
    (await has(iso, '/.disk/base_installable', '/.disk/udeb_include', '/install/initrd.gz', '/initrd.gz')) ||
    (await iso.list('/')).some(({ name, isFolder }) => isFolder && /^install\.[a-z0-9]+$/i.test(name));
  const isLive = await has(iso, '/live', '/casper');
  if (isLive) return { kind: 'live', ...(isInstaller ? { installer: 'debian-installer' } : {}) };
  return isInstaller ? { kind: 'installer', installer: 'debian-installer' } : { kind: 'data' };
}

/** The file of the Fedora and Red Hat family: an INI file. */
async function fromTreeInfo(iso: Iso9660): Promise<Told | undefined> {
  const text = await iso.readText('/.treeinfo');
  if (text === undefined) return undefined;
  const sections = parseIni(text);
  const value = (name: string): string | undefined =>
    sections['general']?.[name] ?? sections['release']?.[name] ?? sections['tree']?.[name];
  const [family, version, arch] = [value('family') ?? value('name'), value('version'), value('arch')];
  const isLive = !(await has(iso, '/images/pxeboot', '/images/install.img')) && (await has(iso, '/LiveOS'));
  return withKnown(
    { kind: isLive ? 'live' : 'installer', ...(isLive ? {} : { installer: 'anaconda' }) },
    {
      distro: distroOf(family),
      title: value('name') ?? [family, version].filter(Boolean).join(' '),
      release: version,
      arch: arch === undefined ? undefined : (arches[arch] ?? arch),
      flavour: value('variant')?.toLowerCase(),
      source: '/.treeinfo',
    },
  );
}

/** `Red Hat Enterprise Linux`: `rhel`; `Rocky Linux`: `rocky`. */
function distroOf(family: string | undefined): string | undefined {
  if (family === undefined) return undefined;
  return /red hat enterprise linux/i.test(family) ? 'rhel' : /^[a-z]+/.exec(family.toLowerCase())?.[0];
}

export function parseIni(text: string): Record<string, Record<string, string>> {
  const sections: Record<string, Record<string, string>> = {};
  let section: Record<string, string> = {};
  for (const line of text.split('\n')) {
    const name = /^\[([^\]]+)\]\s*$/.exec(line)?.[1];
    if (name !== undefined) sections[name] = section = {};
    const pair = /^([^#;=\s][^=]*?)\s*=\s*(.*?)\s*$/.exec(line);
    if (pair?.[1] !== undefined) section[pair[1]] = pair[2] ?? '';
  }
  return sections;
}

/** `/media.1/products`: `/ openSUSE-Leap 15.6-1` */
async function fromSuse(iso: Iso9660): Promise<Told | undefined> {
  const text = (await iso.readText('/media.1/products')) ?? (await iso.readText('/media.1/media'));
  const match = /^(?:\/ )?(SLE[A-Z]*|openSUSE)[-\s]?(\S*?)[-\s](\d+(?:\.\d+)?)/m.exec(text ?? '');
  if (!match) return undefined;
  const arch = (await has(iso, '/boot/aarch64')) ? 'arm64' : (await has(iso, '/boot/x86_64')) ? 'amd64' : undefined;
  const title = [match[1], match[2], match[3]].filter(Boolean).join(' ');
  const told = { distro: match[1]?.startsWith('SLE') ? 'sles' : 'opensuse', title, release: match[3], arch };
  return withKnown({ kind: 'installer', installer: 'autoyast' }, { ...told, source: '/media.1' });
}

/** openSUSE since 16: a live system with the loader in SUSE's place, and no list of products. What it is stands in its name alone. */
async function fromAgama(iso: Iso9660): Promise<Told | undefined> {
  const folder = (await iso.list('/boot')).find(
    ({ name, isFolder }) => isFolder && (name === 'x86_64' || name === 'aarch64'),
  )?.name;
  if (folder === undefined || !(await has(iso, '/LiveOS/squashfs.img'))) return undefined;
  if (!(await has(iso, `/boot/${folder}/loader/linux`, `/boot/${folder}/loader/linux.gz`))) return undefined;
  const release = /Leap[-_ ](\d+\.\d+)/i.exec(iso.volumeId)?.[1];
  const isLeap = release !== undefined || /leap|opensuse/i.test(iso.volumeId);
  return withKnown(
    { kind: 'installer', installer: 'agama', source: `/boot/${folder}/loader` },
    {
      arch: arches[folder],
      release,
      distro: isLeap ? 'opensuse' : /sles/i.test(iso.volumeId) ? 'sles' : undefined,
      title: release === undefined ? undefined : `openSUSE Leap ${release}`,
    },
  );
}

/** `alpine-virt-3.19.1 240126` */
async function fromAlpine(iso: Iso9660): Promise<Told | undefined> {
  const match = /^alpine-(\w+)-(\d[\w.]*)/.exec((await iso.readText('/.alpine-release')) ?? '');
  if (!match) return undefined;
  const apks = (await iso.list('/apks')).find(({ name, isFolder }) => isFolder && name !== '..')?.name;
  const told = {
    title: `Alpine Linux ${match[2] ?? ''}`,
    release: match[2],
    flavour: match[1],
    arch: arches[apks ?? ''] ?? apks,
  };
  return withKnown({ kind: 'installer', installer: 'setup-alpine' }, { distro: 'alpine', ...told, source: '/.alpine-release' });
}

async function fromArch(iso: Iso9660): Promise<Told | undefined> {
  const version = (await iso.readText('/arch/version'))?.trim();
  if (version === undefined) return undefined;
  const told = { distro: 'arch', title: `Arch Linux ${version}`, release: version, source: '/arch/version' };
  return withKnown({ kind: 'live' }, { ...told, arch: (await has(iso, '/arch/x86_64')) ? 'amd64' : undefined });
}

async function fromWindows(iso: Iso9660): Promise<Told | undefined> {
  if (!(await has(iso, '/sources/boot.wim'))) return undefined;
  return { kind: 'installer', installer: 'windows-setup', distro: 'windows', title: 'Windows', source: '/sources/boot.wim' };
}

/** Debian's smallest medium: kernel and initrd alone. */
async function fromInstallerInitrd(iso: Iso9660): Promise<Told | undefined> {
  for (const path of ['/initrd.gz', '/install.amd/initrd.gz', '/install/initrd.gz']) {
    const packed = await iso.readFile(path);
    const build = packed && (await readInstallerInitrd(packed));
    if (!build) continue;
    const [release = '', codename] = build.release.split(/[ ()]+/);
    const told = { distro: 'debian', title: `Debian GNU/Linux ${build.release}`, release, codename, arch: build.arch };
    return withKnown({ kind: 'installer', installer: 'debian-installer' }, { ...told, flavour: build.medium, source: path });
  }
  return undefined;
}

/** What is made for a machine's first start. */
async function fromSeed(iso: Iso9660): Promise<Told | undefined> {
  const volume = iso.volumeId.toLowerCase();
  if (volume === 'cidata' && (await has(iso, '/user-data'))) return { kind: 'seed', flavour: 'NoCloud', source: '/user-data' };
  if (volume === 'config-2' && (await has(iso, '/openstack')))
    return { kind: 'seed', flavour: 'ConfigDrive', source: '/openstack' };
  return undefined;
}

/** Nothing on it is known, but its vendor named it. */
async function fromVolumeId(iso: Iso9660): Promise<Told | undefined> {
  const named = readVolumeId(iso.volumeId);
  return named && { ...named, source: 'the name of the volume' };
}
