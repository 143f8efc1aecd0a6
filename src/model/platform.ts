import { z } from 'zod';

/**
 * What a virtual machine finds under it: drivers, guest agent, console, data source. An OS and a target never
 * name each other; they meet here.
 */
export const platformIds = ['kvm', 'xen', 'vmware'] as const;
export const platformSchema = z.enum(platformIds);
export type PlatformId = z.infer<typeof platformSchema>;

/** CPU architectures, in Debian's names. */
export const archSchema = z.enum(['amd64']);
export type Arch = z.infer<typeof archSchema>;

export interface Platform {
  id: PlatformId;
  title: string;
  /** Kernel modules that the initramfs must hold for the root disk and the network card to be found. */
  initramfsModules: string[];
  /** Kernel arguments for its consoles, the last one being /dev/console. */
  consoles: string[];
}

/** Facts on each platform. Module names are the kernel's own. */
export const platforms: Record<PlatformId, Platform> = {
  kvm: {
    id: 'kvm',
    title: 'KVM/QEMU (libvirt, Proxmox, OpenStack)',
    initramfsModules: ['virtio_blk', 'virtio_pci', 'virtio_scsi', 'virtio_net', 'sd_mod', 'sr_mod', 'ahci', 'ata_piix', 'nvme'],
    consoles: ['tty0', 'ttyS0,115200n8'],
  },
  xen: {
    id: 'xen',
    title: 'Xen (XCP-ng, XenServer)',
    initramfsModules: ['xen_blkfront', 'xen_netfront', 'ata_piix', 'sd_mod', 'sr_mod'],
    consoles: ['tty0', 'ttyS0,115200n8'],
  },
  vmware: {
    id: 'vmware',
    title: 'VMware vSphere',
    initramfsModules: ['vmw_pvscsi', 'vmxnet3', 'mptspi', 'sd_mod', 'sr_mod', 'ahci', 'nvme'],
    consoles: ['tty0', 'ttyS0,115200n8'],
  },
};
