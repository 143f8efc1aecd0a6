import type { Distro, GuestFacts, Release } from '../model/distro.ts';
import type { Installer } from '../model/installer.ts';
import type { CloudImage, SigningKey, VendorFile } from '../model/vendor-file.ts';
import { debianGuest } from './shared/debian-like.ts';
import { ubuntuKey } from './shared/key-packages.ts';

/**
 * Ubuntu: facts only. `endOfLife.lts` is that of the standard support, which is free for all; Ubuntu Pro goes on after it, but is
 * free for a few machines of one person only.
 */

const isoKey: SigningKey = {
  owner: 'Ubuntu CD Image Automatic Signing Key (2012) <cdimage@ubuntu.com>',
  fingerprints: ['843938DF228D22F7B3742BC0D94AA3F0EFE21092'],
  url: 'https://ubuntu.com/tutorials/how-to-verify-ubuntu',
  verifiedWith: 'the key in the package ubuntu-keyring of Debian 13',
  keyring: ubuntuKey('ubuntu-archive-keyring'),
};

const cloudKey: SigningKey = {
  owner: 'UEC Image Automatic Signing Key <cdimage@ubuntu.com>',
  fingerprints: ['D2EB44626FDDC30B513D5BB71A5D6C4C7DB87C81'],
  url: 'https://documentation.ubuntu.com/public-images/',
  verifiedWith: 'the key in the package ubuntu-keyring of Debian 13',
  keyring: ubuntuKey('ubuntu-cloudimage-keyring'),
};

function liveServer(release: string): VendorFile {
  return {
    id: 'live-server',
    arch: 'amd64',
    folder: `https://releases.ubuntu.com/${release}/`,
    name: `ubuntu-${release}*-live-server-amd64.iso`,
    digests: { name: 'SHA256SUMS', algorithm: 'sha256' },
    signature: { kind: 'detached', name: 'SHA256SUMS.gpg', key: isoKey },
  };
}

/** Since 23.10, /boot has a partition of its own in them. */
function cloudImage(release: string, codename: string): CloudImage {
  return {
    ...(release === '22.04' ? {} : { obstacle: '/boot is a file system of its own' }),
    id: 'server-cloudimg',
    arch: 'amd64',
    folder: `https://cloud-images.ubuntu.com/releases/${codename}/release/`,
    name: `ubuntu-${release}-server-cloudimg-amd64.img`,
    digests: { name: 'SHA256SUMS', algorithm: 'sha256' },
    signature: { kind: 'detached', name: 'SHA256SUMS.gpg', key: cloudKey },
  };
}

const installer: Installer = {
  kind: 'subiquity',
  answers: 'autoinstall',
  boot: { kernel: '/casper/vmlinuz', initrd: '/casper/initrd' },
  // Without it, it asks whether to go on, even with answers.
  arguments: ['autoinstall'],
  deliver: [
    { by: 'volume', volumeId: 'cidata', files: ['/user-data', '/meta-data'] },
    { by: 'argument', argument: 'ds=nocloud;s={url}' },
    { by: 'medium', menus: ['/boot/grub/grub.cfg'], path: '/autoinstall.yaml' },
  ],
};

const guest = debianGuest({
  kernel: {
    full: ['linux-image-generic'],
    cloud: ['linux-image-virtual'],
    cloudLacks: { xen: 'without linux-modules-extra, its console is garbled on UEFI machines of XCP-ng' },
  },
  cloudUser: 'ubuntu',
});

function longTerm(id: string, codename: string, name: string, end: string, more: Partial<Release> = {}): Release {
  return {
    id,
    codename,
    title: `Ubuntu ${id} LTS "${name}"`,
    endOfLife: { full: end, lts: end },
    installer,
    media: [liveServer(id)],
    cloudImages: [cloudImage(id, codename)],
    guest,
    ...more,
  };
}

/** From 25.10 on, chrony keeps the time, and dracut makes the initramfs. */
const since2510: GuestFacts = {
  ...guest,
  packages: { ...guest.packages, 'time-sync': ['chrony'], initramfs: ['dracut'] },
  units: { ssh: 'ssh', timeSync: 'chrony' },
  initramfs: 'dracut',
};

export const ubuntu: Distro = {
  id: 'ubuntu',
  title: 'Ubuntu',
  osReleaseId: 'ubuntu',
  family: 'apt',
  arches: { amd64: 'amd64' },
  releases: [
    longTerm('22.04', 'jammy', 'Jammy Jellyfish', '2027-04-01'),
    longTerm('24.04', 'noble', 'Noble Numbat', '2029-05-31'),
    longTerm('26.04', 'resolute', 'Resolute Raccoon', '2031-04-30', { guest: since2510 }),
  ],
};
