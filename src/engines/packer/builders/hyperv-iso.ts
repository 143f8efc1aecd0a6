import { answersVolume, type Builder, sshAsRoot, typing, variable } from '../builder.ts';

/** Hyper-V, on a Windows host. */
export const hypervIso: Builder = {
  id: 'hyperv-iso',
  from: 'iso',
  plugin: { name: 'hyperv', source: 'github.com/hashicorp/hyperv', version: '1.1.1', bundled: true },
  variables: {
    switch_name: { description: 'The virtual switch', default: 'Default Switch' },
  },
  source(facts) {
    const { plan, memoryMiB, cpus, diskMiB, isoUrl, isoChecksum } = facts;
    return {
      vm_name: plan.template.name,
      generation: plan.template.disk.firmware === 'bios' ? 1 : 2,
      ...(plan.template.disk.firmware === 'bios'
        ? {}
        : { enable_secure_boot: true, secure_boot_template: 'MicrosoftUEFICertificateAuthority' }),
      switch_name: variable('switch_name'),
      memory: memoryMiB,
      cpus,
      disk_size: diskMiB,
      iso_url: isoUrl,
      iso_checksum: isoChecksum,
      output_directory: 'output',
      shutdown_command: 'true',
      ...sshAsRoot(facts),
      ...answersVolume(facts),
      ...typing(facts),
    };
  },
};
