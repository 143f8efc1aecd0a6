import { type Builder, variable } from '../builder.ts';

/** Azure, from the vendor's image in its marketplace; the result is a managed image. */
export const azureArm: Builder = {
  id: 'azure-arm',
  from: 'platform',
  plugin: { name: 'azure', source: 'github.com/hashicorp/azure', version: '1.4.0', bundled: true },
  variables: {
    subscription_id: { description: 'The subscription', example: '00000000-0000-0000-0000-000000000000' },
    tenant_id: { description: 'The tenant', example: '00000000-0000-0000-0000-000000000000' },
    client_id: { description: 'The application that builds', example: '00000000-0000-0000-0000-000000000000' },
    client_secret: { description: 'Its secret', sensitive: true },
    location: { description: 'The region', example: 'westeurope' },
    resource_group: { description: 'The resource group for the image', example: 'images' },
    image_publisher: { description: "The vendor's name in the marketplace", example: 'Debian' },
    image_offer: { description: 'The offer', example: 'debian-12' },
    image_sku: { description: 'The plan of the offer', example: '12-gen2' },
    vm_size: { description: 'The machine that builds', default: 'Standard_B2s' },
  },
  source({ plan, sshTimeout }) {
    return {
      subscription_id: variable('subscription_id'),
      tenant_id: variable('tenant_id'),
      client_id: variable('client_id'),
      client_secret: variable('client_secret'),
      location: variable('location'),
      vm_size: variable('vm_size'),
      os_type: 'Linux',
      image_publisher: variable('image_publisher'),
      image_offer: variable('image_offer'),
      image_sku: variable('image_sku'),
      managed_image_resource_group_name: variable('resource_group'),
      managed_image_name: plan.template.name,
      azure_tags: { 'gabarit-plan': plan.id },
      communicator: 'ssh',
      ssh_username: 'packer',
      ssh_timeout: sshTimeout,
    };
  },
};
