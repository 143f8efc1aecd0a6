import { type Builder, variable } from '../builder.ts';

/** Amazon EC2, from the vendor's own AMI; the result is an AMI. Packer makes and removes the key pair itself. */
export const amazonEbs: Builder = {
  id: 'amazon-ebs',
  from: 'platform',
  plugin: { name: 'amazon', source: 'github.com/hashicorp/amazon', version: '1.2.1', bundled: true },
  variables: {
    region: { description: 'The region', example: 'eu-central-1' },
    source_ami_owner: { description: "The vendor's account", example: '136693071363' },
    source_ami_name: { description: "The vendor's image; the newest of this name is taken", example: 'debian-12-amd64-*' },
    instance_type: { description: 'The machine that builds', default: 't3.small' },
  },
  source({ plan, release, diskMiB, sshTimeout }) {
    return {
      region: variable('region'),
      instance_type: variable('instance_type'),
      ami_name: `${plan.template.name}-{{ timestamp }}`,
      ami_description: plan.template.description,
      source_ami_filter: {
        filters: { name: variable('source_ami_name'), 'root-device-type': 'ebs', 'virtualization-type': 'hvm' },
        owners: [variable('source_ami_owner')],
        most_recent: true,
      },
      launch_block_device_mappings: [
        { device_name: '/dev/xvda', volume_size: Math.ceil(diskMiB / 1024), volume_type: 'gp2', delete_on_termination: true },
      ],
      tags: { Name: plan.template.name, 'gabarit-plan': plan.id },
      communicator: 'ssh',
      ssh_username: release.guest.cloudUser,
      ssh_timeout: sshTimeout,
    };
  },
};
