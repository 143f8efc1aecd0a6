import type { GuestFacts } from '../../model/distro.ts';

/** What an installed Debian or Ubuntu is made of; each says its kernels and the user of its cloud images. */
export function debianGuest(own: Pick<GuestFacts, 'kernel' | 'cloudUser'>): GuestFacts {
  return {
    packages: {
      'cloud-init': ['cloud-init'],
      'grow-root': ['cloud-guest-utils'],
      ssh: ['openssh-server'],
      sudo: ['sudo'],
      'time-sync': ['systemd-timesyncd'],
      initramfs: ['initramfs-tools'],
      'boot-menu': ['grub2-common'],
    },
    units: { ssh: 'ssh', timeSync: 'systemd-timesyncd' },
    initramfs: 'initramfs-tools',
    network: 'netplan',
    selinux: false,
    agents: {
      kvm: { packages: ['qemu-guest-agent'], unit: 'qemu-guest-agent' },
      // Debian has no package of the Xen guest agent, and Ubuntu's of 24.04 does not report addresses (xenserver/xe-guest-utilities#164):
      // the guest-tools step brings a small one that needs only these.
      xen: { packages: ['xenstore-utils'], unit: 'gabarit-xen-agent' },
      vmware: { packages: ['open-vm-tools'], unit: 'open-vm-tools' },
    },
    absentModules: [],
    ...own,
  };
}
