import { type Builder, sshAsRoot, typing, variable } from '../builder.ts';

/** Proxmox VE; the machine becomes a template there. */
export const proxmoxIso: Builder = {
  id: 'proxmox-iso',
  from: 'iso',
  platform: 'kvm',
  plugin: { name: 'proxmox', source: 'github.com/hashicorp/proxmox', version: '1.2.1', bundled: true },
  variables: {
    proxmox_url: { description: 'Its API', example: 'https://proxmox.example:8006/api2/json' },
    username: { description: 'Its user', example: 'builder@pve' },
    password: { description: 'Its password', sensitive: true },
    node: { description: 'The node that builds', example: 'pve1' },
    storage_pool: { description: 'The storage for the disk', default: 'local-lvm' },
    iso_storage_pool: { description: 'The storage for the medium', default: 'local' },
    bridge: { description: 'The network', default: 'vmbr0' },
  },
  source(facts) {
    const { plan, memoryMiB, cpus, diskMiB, isoUrl, isoChecksum, answers, dialect } = facts;
    const volume =
      answers?.volume !== undefined && dialect === 'current'
        ? {
            additional_iso_files: [
              {
                // SCSI: newer kernels have no drivers for IDE.
                device: 'scsi5',
                cd_files: answers.files.map(({ name }) => `answers/${name}`),
                cd_label: answers.volume,
                iso_storage_pool: variable('iso_storage_pool'),
                unmount: true,
              },
            ],
          }
        : {};
    return {
      proxmox_url: variable('proxmox_url'),
      username: variable('username'),
      password: variable('password'),
      node: variable('node'),
      vm_name: plan.template.name,
      template_name: plan.template.name,
      template_description: plan.template.description,
      memory: memoryMiB,
      cores: cpus,
      os: 'l26',
      scsi_controller: 'virtio-scsi-single',
      disks: [
        {
          type: 'scsi',
          disk_size: `${diskMiB}M`,
          storage_pool: variable('storage_pool'),
          format: 'raw',
          ...(dialect === '1.6' ? { storage_pool_type: 'lvm-thin' } : {}),
        },
      ],
      network_adapters: [{ model: 'virtio', bridge: variable('bridge') }],
      iso_url: isoUrl,
      iso_checksum: isoChecksum,
      iso_storage_pool: variable('iso_storage_pool'),
      unmount_iso: true,
      qemu_agent: true,
      ...sshAsRoot(facts),
      ...volume,
      ...typing(facts),
    };
  },
};
