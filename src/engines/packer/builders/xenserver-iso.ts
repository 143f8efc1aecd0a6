import { answersVolume, type Builder, sshAsRoot, typing, variable } from '../builder.ts';

/** XCP-ng and XenServer by the plugin that Vates looks after. It needs SSH to the host and trusts any certificate: see docs/packer.md. */
export const xenserverIso: Builder = {
  id: 'xenserver-iso',
  from: 'iso',
  platform: 'xen',
  plugin: { name: 'xenserver', source: 'github.com/vatesfr/xenserver', version: '~> 0.9', bundled: false },
  variables: {
    remote_host: { description: 'The master of the pool', example: 'xcp-ng.example' },
    remote_username: { description: 'Its user', default: 'root' },
    remote_password: { description: 'Its password', sensitive: true },
    sr_name: { description: 'The storage repository for the disk', example: 'Local storage' },
    sr_iso_name: { description: 'The storage repository for the medium', example: 'ISOs' },
    network_name: { description: 'The network', default: 'Pool-wide network associated with eth0' },
  },
  source(facts) {
    const { plan, memoryMiB, cpus, diskMiB, isoUrl, isoChecksum } = facts;
    return {
      remote_host: variable('remote_host'),
      remote_username: variable('remote_username'),
      remote_password: variable('remote_password'),
      sr_name: variable('sr_name'),
      sr_iso_name: variable('sr_iso_name'),
      network_names: [variable('network_name')],
      iso_url: isoUrl,
      iso_checksum: isoChecksum,
      vm_name: plan.template.name,
      vm_description: plan.template.description,
      clone_template: 'Other install media',
      vm_memory: memoryMiB,
      vcpus_max: cpus,
      vcpus_atstartup: cpus,
      disk_size: diskMiB,
      firmware: plan.template.disk.firmware === 'bios' ? 'bios' : 'uefi',
      format: 'xva_compressed',
      keep_vm: 'never',
      output_directory: 'output',
      shutdown_command: 'true',
      ...sshAsRoot(facts),
      ...answersVolume(facts),
      ...typing(facts),
    };
  },
};
