import type { GuestFacts } from '../../model/distro.ts';
import type { Installer } from '../../model/installer.ts';

/** What Red Hat Enterprise Linux and all that is built from its sources have in common. */

/** The cloud images of all of them are laid out like this, by the kickstart files that make them. */
export const cloudLayout = 'its root is XFS, and /boot a file system of its own';

/** The boot menu of its media: isolinux for BIOS up to 9, GRUB alone since 10. */
export function anaconda(major: '8' | '9' | '10'): Installer {
  return {
    kind: 'anaconda',
    answers: 'kickstart',
    boot: { kernel: '/images/pxeboot/vmlinuz', initrd: '/images/pxeboot/initrd.img' },
    arguments: ['inst.stage2=hd:LABEL={volumeId}', 'inst.cmdline'],
    deliver: [
      // Found by itself, as long as no argument `inst.ks` says otherwise.
      { by: 'volume', volumeId: 'OEMDRV', files: ['/ks.cfg'] },
      { by: 'argument', argument: 'inst.ks={url}' },
      {
        by: 'medium',
        menus: ['/EFI/BOOT/grub.cfg', major === '10' ? '/boot/grub2/grub.cfg' : '/isolinux/isolinux.cfg'],
        path: '/ks.cfg',
      },
    ],
  };
}

export function enterpriseGuest(cloudUser: string): GuestFacts {
  return {
    packages: {
      'cloud-init': ['cloud-init'],
      'grow-root': ['cloud-utils-growpart', 'gdisk'],
      ssh: ['openssh-server'],
      sudo: ['sudo'],
      'time-sync': ['chrony'],
      initramfs: ['dracut', 'dracut-config-generic'],
      'boot-menu': ['grub2-tools', 'grubby'],
    },
    kernel: { full: ['kernel'] },
    units: { ssh: 'sshd', timeSync: 'chronyd' },
    initramfs: 'dracut',
    network: 'NetworkManager',
    selinux: true,
    agents: {
      kvm: { packages: ['qemu-guest-agent'], unit: 'qemu-guest-agent' },
      xen: { packages: ['xe-guest-utilities-latest'], unit: 'xe-linux-distribution', repository: 'EPEL' },
      vmware: { packages: ['open-vm-tools'], unit: 'vmtoolsd' },
    },
    // Whether 9 and 10 still have mptspi (VMware's LSI Logic) was not verified: the check initramfs-drivers tells for a built image.
    absentModules: [],
    cloudUser,
  };
}
