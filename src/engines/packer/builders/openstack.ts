import { type Builder, variable } from '../builder.ts';

/** OpenStack, from an image that the cloud has; the result is an image. */
export const openstack: Builder = {
  id: 'openstack',
  from: 'platform',
  platform: 'kvm',
  plugin: { name: 'openstack', source: 'github.com/hashicorp/openstack', version: '1.1.2', bundled: true },
  variables: {
    identity_endpoint: { description: 'The identity service', example: 'https://keystone.example:5000/v3' },
    username: { description: 'Its user', example: 'builder' },
    password: { description: 'Its password', sensitive: true },
    domain_name: { description: "The user's domain", default: 'Default' },
    tenant_name: { description: 'The project', example: 'images' },
    region: { description: 'The region', default: 'RegionOne' },
    source_image_name: { description: "The vendor's image in this cloud", example: 'debian-12' },
    flavor: { description: 'The machine that builds', default: 'm1.small' },
    network: { description: 'The id of the network', example: '00000000-0000-0000-0000-000000000000' },
  },
  source({ plan, release, sshTimeout }) {
    return {
      identity_endpoint: variable('identity_endpoint'),
      username: variable('username'),
      password: variable('password'),
      domain_name: variable('domain_name'),
      tenant_name: variable('tenant_name'),
      region: variable('region'),
      source_image_name: variable('source_image_name'),
      flavor: variable('flavor'),
      networks: [variable('network')],
      image_name: plan.template.name,
      metadata: { 'gabarit-plan': plan.id },
      communicator: 'ssh',
      ssh_username: release.guest.cloudUser,
      ssh_timeout: sshTimeout,
    };
  },
};
