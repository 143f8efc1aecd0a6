import type { Distro, GuestFacts } from '../model/distro.ts';
import type { Installer } from '../model/installer.ts';
import type { SigningKey, VendorFile } from '../model/vendor-file.ts';
import { distributionKey } from './shared/key-packages.ts';

/** openSUSE Leap: facts only. Each minor release is a release of its own here: the installers differ. */

const key: SigningKey = {
  owner: 'openSUSE Project Signing Key <opensuse@opensuse.org>',
  fingerprints: ['AD485664E901B867051AB15F35A2F86E29B700A4'],
  url: 'https://en.opensuse.org/SDB:Download_help#Checksums',
  // The copy there is valid until 2026-06-19; the vendor makes it valid for longer from time to time.
  verifiedWith: 'the key in the package distribution-gpg-keys of Debian 13',
  keyring: distributionKey('opensuse/RPM-GPG-KEY-openSUSE-2022'),
};

/** Which file system they have was not seen; it is one of these. */
const obstacle = 'its root is XFS or btrfs';

function signedAlone(id: string, folder: string, name: string): VendorFile {
  return {
    id,
    arch: 'amd64',
    folder: `https://download.opensuse.org/distribution/leap/${folder}/`,
    name,
    digests: { name: `${name}.sha256`, algorithm: 'sha256' },
    signature: { kind: 'detached', name: `${name}.sha256.asc`, key },
  };
}

const boot = { kernel: '/boot/x86_64/loader/linux', initrd: '/boot/x86_64/loader/initrd' };

const autoyast: Installer = {
  kind: 'autoyast',
  answers: 'autoyast',
  boot,
  arguments: ['install=cd:/', 'textmode=1'],
  deliver: [
    { by: 'volume', volumeId: 'OEMDRV', files: ['/autoinst.xml'] },
    { by: 'argument', argument: 'autoyast={url}' },
    { by: 'medium', menus: ['/boot/x86_64/loader/isolinux.cfg', '/EFI/BOOT/grub.cfg'], path: '/autoinst.xml' },
  ],
};

/** Its autoinstallation looks for answers in a volume of the same name as AutoYaST, and reads AutoYaST's in part too. */
const agama: Installer = {
  kind: 'agama',
  answers: 'agama',
  boot,
  arguments: ['root=live:CDLABEL={volumeId}', 'live.password='],
  deliver: [
    { by: 'volume', volumeId: 'OEMDRV', files: ['/autoinst.json'] },
    { by: 'argument', argument: 'inst.auto={url}' },
  ],
};

const guest: GuestFacts = {
  packages: {
    'cloud-init': ['cloud-init'],
    'grow-root': ['growpart'],
    ssh: ['openssh-server'],
    sudo: ['sudo'],
    'time-sync': ['chrony'],
    initramfs: ['dracut'],
    'boot-menu': ['grub2'],
  },
  // kernel-default-base is its kernel for virtual machines.
  kernel: { full: ['kernel-default'], cloud: ['kernel-default-base'] },
  units: { ssh: 'sshd', timeSync: 'chronyd' },
  initramfs: 'dracut',
  network: 'wicked',
  selinux: false,
  agents: {
    kvm: { packages: ['qemu-guest-agent'], unit: 'qemu-guest-agent' },
    // It has the tools of the Xen store; the guest-tools step brings a small agent that needs only these.
    xen: { packages: ['xen-tools-domU'], unit: 'gabarit-xen-agent' },
    vmware: { packages: ['open-vm-tools'], unit: 'vmtoolsd' },
  },
  absentModules: [],
  cloudUser: 'opensuse',
};

export const opensuse: Distro = {
  id: 'opensuse',
  title: 'openSUSE Leap',
  osReleaseId: 'opensuse-leap',
  family: 'zypper',
  arches: { amd64: 'x86_64' },
  releases: [
    {
      id: '15.6',
      codename: 'leap-15.6',
      title: 'openSUSE Leap 15.6',
      endOfLife: { full: '2026-04-30', lts: '2026-04-30' },
      installer: autoyast,
      media: [signedAlone('DVD', '15.6/iso', 'openSUSE-Leap-15.6-DVD-x86_64-Media.iso')],
      cloudImages: [
        { ...signedAlone('Minimal-VM-Cloud', '15.6/appliances', 'openSUSE-Leap-15.6-Minimal-VM.x86_64-Cloud.qcow2'), obstacle },
      ],
      guest,
    },
    {
      id: '16.0',
      codename: 'leap-16.0',
      title: 'openSUSE Leap 16.0',
      endOfLife: { full: '2027-10-31', lts: '2027-10-31' },
      installer: agama,
      media: [signedAlone('offline-installer', '16.0/offline', 'Leap-16.0-offline-installer-x86_64.install.iso')],
      cloudImages: [
        { ...signedAlone('Minimal-VM-Cloud', '16.0/appliances', 'Leap-16.0-Minimal-VM.x86_64-Cloud.qcow2'), obstacle },
      ],
      // NetworkManager took the place of wicked, SELinux that of AppArmor.
      guest: { ...guest, network: 'NetworkManager', selinux: true },
    },
  ],
};
