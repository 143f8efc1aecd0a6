import { answersVolume, type Builder, sshAsRoot, typing, variable } from '../builder.ts';

/** VMware vCenter; the machine becomes a template there, and an OVF is exported. */
export const vsphereIso: Builder = {
  id: 'vsphere-iso',
  from: 'iso',
  platform: 'vmware',
  plugin: { name: 'vsphere', source: 'github.com/hashicorp/vsphere', version: '1.1.1', bundled: true },
  variables: {
    vcenter_server: { description: 'The vCenter', example: 'vcenter.example' },
    username: { description: 'Its user', example: 'builder@vsphere.local' },
    password: { description: 'Its password', sensitive: true },
    datacenter: { description: 'The data center', example: 'DC1' },
    cluster: { description: 'The cluster', example: 'Cluster1' },
    datastore: { description: 'The datastore for the disk', example: 'datastore1' },
    network: { description: 'The network', default: 'VM Network' },
    folder: { description: 'The folder for the template', default: 'Templates' },
  },
  source(facts) {
    const { plan, memoryMiB, cpus, diskMiB, isoUrl, isoChecksum } = facts;
    return {
      vcenter_server: variable('vcenter_server'),
      username: variable('username'),
      password: variable('password'),
      datacenter: variable('datacenter'),
      cluster: variable('cluster'),
      datastore: variable('datastore'),
      folder: variable('folder'),
      vm_name: plan.template.name,
      guest_os_type: 'otherLinux64Guest',
      firmware: plan.template.disk.firmware === 'bios' ? 'bios' : 'efi',
      CPUs: cpus,
      RAM: memoryMiB,
      disk_controller_type: ['pvscsi'],
      storage: [{ disk_size: diskMiB, disk_thin_provisioned: true }],
      network_adapters: [{ network: variable('network'), network_card: 'vmxnet3' }],
      iso_url: isoUrl,
      iso_checksum: isoChecksum,
      remove_cdrom: true,
      convert_to_template: true,
      shutdown_command: 'true',
      ...sshAsRoot(facts),
      ...answersVolume(facts),
      ...typing(facts),
    };
  },
};
