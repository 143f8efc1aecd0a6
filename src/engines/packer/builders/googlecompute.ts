import { type Builder, variable } from '../builder.ts';

/** Google Compute Engine, from the vendor's image family. Credentials come from the environment (GOOGLE_APPLICATION_CREDENTIALS). */
export const googlecompute: Builder = {
  id: 'googlecompute',
  from: 'platform',
  platform: 'kvm',
  plugin: { name: 'googlecompute', source: 'github.com/hashicorp/googlecompute', version: '1.1.0', bundled: true },
  variables: {
    project_id: { description: 'The project', example: 'my-project' },
    zone: { description: 'The zone that builds', example: 'europe-west1-b' },
    source_image_family: { description: "The vendor's image family", example: 'debian-12' },
    source_image_project: { description: "The vendor's project", example: 'debian-cloud' },
    machine_type: { description: 'The machine that builds', default: 'e2-small' },
  },
  source({ plan, diskMiB, release, sshTimeout }) {
    return {
      project_id: variable('project_id'),
      zone: variable('zone'),
      machine_type: variable('machine_type'),
      source_image_family: variable('source_image_family'),
      source_image_project_id: [variable('source_image_project')],
      // Nothing smaller than the vendor's own images.
      disk_size: Math.max(10, Math.ceil(diskMiB / 1024)),
      image_name: `${plan.template.name.replaceAll(/[^a-z0-9-]/g, '-')}-{{ timestamp }}`,
      image_family: plan.template.name.replaceAll(/[^a-z0-9-]/g, '-'),
      image_description: plan.template.description,
      communicator: 'ssh',
      ssh_username: release.guest.cloudUser,
      ssh_timeout: sshTimeout,
    };
  },
};
