import type { BootstrapFacts, BootstrapRequest, Distro, Release } from '../model/distro.ts';
import type { Installer } from '../model/installer.ts';
import type { SigningKey, VendorFile } from '../model/vendor-file.ts';
import { debianGuest } from './shared/debian-like.ts';

/** Debian: facts only. Dates from Debian's release and LTS calendars. */

/** Fingerprint compared with that in the package debian-keyring and on www.debian.org/CD/verify. */
const cdKey: SigningKey = {
  owner: 'Debian CD signing key <debian-cd@lists.debian.org>',
  fingerprints: ['DF9B9C49EAA9298432589D76DA87E80D6294BE9B'],
  url: 'https://www.debian.org/CD/verify',
  verifiedWith: 'debian-role-keys.gpg of the package debian-keyring',
  keyring: { path: '/usr/share/keyrings/debian-role-keys.gpg', package: 'debian-keyring' },
};

/** Media of the newest release lie under `debian-cd/current`, all others in the archive, by their last point release. */
function netinst(folder: string, release: string): VendorFile {
  return {
    id: 'netinst',
    arch: 'amd64',
    folder: `https://cdimage.debian.org/${folder}/amd64/iso-cd/`,
    name: `debian-${release}.*-amd64-netinst.iso`,
    digests: { name: 'SHA512SUMS', algorithm: 'sha512' },
    signature: { kind: 'detached', name: 'SHA512SUMS.sign', key: cdKey },
  };
}

/** `generic`, not `genericcloud`: the kernel of that one knows no ATA disk, so that it does not see a seed on an emulated CD. */
function generic(release: string, codename: string): VendorFile {
  return {
    id: 'generic',
    arch: 'amd64',
    folder: `https://cloud.debian.org/images/cloud/${codename}/latest/`,
    name: `debian-${release}-generic-amd64.qcow2`,
    digests: { name: 'SHA512SUMS', algorithm: 'sha512' },
    signature: { kind: 'none', why: 'Debian publishes no signature beside the SHA512SUMS of its cloud images' },
  };
}

const installer: Installer = {
  kind: 'debian-installer',
  answers: 'preseed',
  boot: { kernel: '/install.amd/vmlinuz', initrd: '/install.amd/initrd.gz' },
  arguments: ['auto=true', 'priority=critical'],
  deliver: [
    // It probes no volume for answers, but reads this file before its first question.
    { by: 'initrd', path: '/preseed.cfg' },
    { by: 'argument', argument: 'preseed/url={url}' },
    { by: 'medium', menus: ['/boot/grub/grub.cfg', '/isolinux/isolinux.cfg'], path: '/preseed.cfg' },
  ],
};

const guest = debianGuest({
  kernel: { full: ['linux-image-amd64'], cloud: ['linux-image-cloud-amd64'] },
  cloudUser: 'debian',
});

const releases: Release[] = [
  {
    id: '11',
    codename: 'bullseye',
    title: 'Debian 11 "bullseye"',
    endOfLife: { full: '2024-08-14', lts: '2026-08-31' },
    installer,
    media: [netinst('cdimage/archive/11.11.0', '11')],
    cloudImages: [generic('11', 'bullseye')],
    guest,
  },
  {
    id: '12',
    codename: 'bookworm',
    title: 'Debian 12 "bookworm"',
    endOfLife: { full: '2026-06-10', lts: '2028-06-30' },
    installer,
    media: [netinst('cdimage/archive/latest-oldstable', '12')],
    cloudImages: [generic('12', 'bookworm')],
    guest,
  },
  {
    id: '13',
    codename: 'trixie',
    title: 'Debian 13 "trixie"',
    endOfLife: { full: '2028-08-09', lts: '2030-06-30' },
    installer,
    media: [netinst('debian-cd/current', '13')],
    cloudImages: [generic('13', 'trixie')],
    guest,
  },
];

/** What every image has, whatever its set: it boots, has a network, takes its identity from cloud-init, and can be updated. */
const common = [
  'apt',
  'ca-certificates',
  'cloud-guest-utils',
  'cloud-init',
  'dbus',
  'e2fsprogs',
  'init',
  'initramfs-tools',
  'iproute2',
  'kmod',
  // The machine's own name, whatever it becomes: the resolver of Debian 13 does not answer for it.
  'libnss-myhostname',
  'libpam-systemd',
  'netbase',
  'openssh-server',
  'procps',
  'sudo',
  'systemd-sysv',
  'systemd-timesyncd',
  'tzdata',
  'udev',
  'zstd',
];

/** What a person who logs in expects, and a boot loader that the guest's own package updates keep up to date. */
const standard = ['grub2-common', 'grub-efi-amd64-signed', 'grub-pc-bin', 'less', 'netplan.io', 'shim-signed'];

/** What the boot partitions are made of; unpacked beside a minimal image, which does not contain it. */
const bootLoader = ['grub-common', 'grub-efi-amd64-signed', 'grub-pc-bin', 'shim-signed'];

/** As `debian/rules` of Debian's own container images has it: documentation goes, licences stay. */
const minimalExcludes = [
  '/usr/share/doc/*',
  '!/usr/share/doc/*/copyright',
  '/usr/share/man/*',
  '/usr/share/info/*',
  '/usr/share/locale/*',
  '/usr/share/i18n/*',
  '/usr/share/lintian/*',
  '/usr/share/bug/*',
  '/boot/System.map*',
];

function bootstrap(release: Release, request: BootstrapRequest): BootstrapFacts {
  const { codename } = release;
  const minimal = request.set === 'minimal';
  const components = ['main'];
  return {
    repositories: [
      { id: 'debian', mirror: 'debian', suite: codename, components },
      { id: 'debian-updates', mirror: 'debian', suite: `${codename}-updates`, components },
      { id: 'debian-security', mirror: 'debian-security', suite: `${codename}-security`, components },
    ],
    keyring: { path: '/usr/share/keyrings/debian-archive-keyring.gpg', package: 'debian-archive-keyring' },
    packages: [
      ...(release.guest.kernel[request.kernel] ?? []),
      ...common,
      ...(minimal ? [] : standard),
      // Debian 11's cloud-init can configure networks only through netplan.
      ...(minimal && release.id === '11' ? ['netplan.io'] : []),
      // Until Debian 12 the resolver was part of the package systemd, and /bin became a link to /usr/bin by the installer's hand.
      ...(release.id === '11' ? [] : ['systemd-resolved', 'usr-is-merged']),
      ...request.platforms.flatMap((platform) => release.guest.agents[platform]?.packages ?? []),
    ].toSorted(),
    tools: minimal ? bootLoader : [],
    checksumSeed: release.id !== '11',
    pathExcludes: minimal ? minimalExcludes : [],
  };
}

export const debian: Distro = {
  id: 'debian',
  title: 'Debian',
  osReleaseId: 'debian',
  family: 'apt',
  arches: { amd64: 'amd64' },
  releases,
  bootstrap,
};
