import type { BootstrapFacts, BootstrapRequest, Distro, Release } from '../model/distro.ts';
import type { PlatformId } from '../model/platform.ts';

/** Debian: facts only. Dates from Debian's release and LTS calendars. */

const releases: Release[] = [
  { id: '11', codename: 'bullseye', title: 'Debian 11 "bullseye"', endOfLife: { full: '2024-08-14', lts: '2026-08-31' } },
  { id: '12', codename: 'bookworm', title: 'Debian 12 "bookworm"', endOfLife: { full: '2026-06-10', lts: '2028-06-30' } },
  { id: '13', codename: 'trixie', title: 'Debian 13 "trixie"', endOfLife: { full: '2028-08-09', lts: '2030-06-30' } },
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

const guestAgents: Record<PlatformId, string[]> = {
  kvm: ['qemu-guest-agent'],
  // Debian has no package of the Xen guest agent; the guest-tools step brings a small one that needs only these.
  xen: ['xenstore-utils'],
  vmware: ['open-vm-tools'],
};

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
  const kernel = request.kernel === 'cloud' ? 'linux-image-cloud-amd64' : 'linux-image-amd64';
  const components = ['main'];
  return {
    repositories: [
      { id: 'debian', mirror: 'debian', suite: codename, components },
      { id: 'debian-updates', mirror: 'debian', suite: `${codename}-updates`, components },
      { id: 'debian-security', mirror: 'debian-security', suite: `${codename}-security`, components },
    ],
    keyring: { path: '/usr/share/keyrings/debian-archive-keyring.gpg', package: 'debian-archive-keyring' },
    packages: [
      kernel,
      ...common,
      ...(minimal ? [] : standard),
      // Debian 11's cloud-init can configure networks only through netplan.
      ...(minimal && release.id === '11' ? ['netplan.io'] : []),
      // Until Debian 12 the resolver was part of the package systemd, and /bin became a link to /usr/bin by the installer's hand.
      ...(release.id === '11' ? [] : ['systemd-resolved', 'usr-is-merged']),
      ...request.platforms.flatMap((platform) => guestAgents[platform]),
    ].toSorted(),
    tools: minimal ? bootLoader : [],
    checksumSeed: release.id !== '11',
    pathExcludes: minimal ? minimalExcludes : [],
  };
}

export const debian: Distro = { id: 'debian', title: 'Debian', family: 'debian', releases, bootstrap };
