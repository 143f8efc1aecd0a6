import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import * as distroRegistry from '../src/distros/index.ts';
import { packerEngine } from '../src/engines/index.ts';
import type { Dialect } from '../src/engines/packer/builder.ts';
import { exportFolder } from '../src/engines/packer/index.ts';
import type { PackerFile } from '../src/engines/packer/provisioners.ts';
import type { Plan } from '../src/model/plan.ts';
import { loadTemplate } from '../src/pipeline/load.ts';
import { makePlan } from '../src/pipeline/make-plan.ts';

/** Plans for Packer without a network: their media are named by a made-up digest. */

const root = join(import.meta.dirname, '..');
export const distros = Object.values(distroRegistry);
export const engine = packerEngine({ distros, proveKvm: async () => ({ usable: false, reason: 'a test' }) });
const medium = (name: string): object => ({ url: `https://mirror.example/${name}`, digest: `sha256:${'5e'.repeat(32)}` });

/** Each builder with an OS that stands for the others of its kind, and what its place needs. */
export const packerCases: { builder: string; os: object; options: Record<string, unknown> }[] = [
  { builder: 'qemu', os: { distro: 'debian', release: '12' }, options: { source: medium('debian-12.qcow2') } },
  {
    builder: 'xenserver-iso',
    os: { distro: 'rocky', release: '9', platforms: ['xen'] },
    options: { source: medium('Rocky-9.iso'), remoteHost: 'xcp-ng.example', srName: 'Local storage', srIsoName: 'ISOs' },
  },
  {
    builder: 'vsphere-iso',
    os: { distro: 'ubuntu', release: '24.04', platforms: ['vmware'] },
    options: {
      source: medium('ubuntu-24.04.iso'),
      vcenterServer: 'vcenter.example',
      username: 'builder@vsphere.local',
      datacenter: 'DC1',
      cluster: 'Cluster1',
      datastore: 'datastore1',
    },
  },
  {
    builder: 'proxmox-iso',
    os: { distro: 'debian', release: '12' },
    options: {
      source: medium('debian-12.iso'),
      proxmoxUrl: 'https://proxmox.example:8006/api2/json',
      username: 'builder@pve',
      node: 'pve1',
    },
  },
  { builder: 'hyperv-iso', os: { distro: 'almalinux', release: '9' }, options: { source: medium('AlmaLinux-9.iso') } },
  {
    builder: 'amazon-ebs',
    os: { distro: 'debian', release: '12' },
    options: { region: 'eu-central-1', sourceAmiOwner: '136693071363', sourceAmiName: 'debian-12-amd64-*' },
  },
  {
    builder: 'azure-arm',
    os: { distro: 'ubuntu', release: '24.04' },
    options: {
      subscriptionId: '00000000-0000-0000-0000-000000000001',
      tenantId: '00000000-0000-0000-0000-000000000002',
      clientId: '00000000-0000-0000-0000-000000000003',
      location: 'westeurope',
      resourceGroup: 'images',
      imagePublisher: 'Canonical',
      imageOffer: 'ubuntu-24_04-lts',
      imageSku: 'server',
    },
  },
  {
    builder: 'googlecompute',
    os: { distro: 'rocky', release: '9' },
    options: {
      projectId: 'my-project',
      zone: 'europe-west1-b',
      sourceImageFamily: 'rocky-linux-9',
      sourceImageProject: 'rocky-linux-cloud',
    },
  },
  {
    builder: 'openstack',
    os: { distro: 'debian', release: '13' },
    options: {
      identityEndpoint: 'https://keystone.example:5000/v3',
      username: 'builder',
      tenantName: 'images',
      sourceImageName: 'debian-13',
      network: '00000000-0000-0000-0000-000000000004',
    },
  },
];

/** Loads a definition from text, and pins it. @throws AppError as `gabarit plan` does */
export async function planOfDefinition(definition: object): Promise<Plan> {
  const folder = await mkdtemp(join(tmpdir(), 'packer-definition-'));
  try {
    const file = join(folder, 'packed.yaml');
    await writeFile(
      file,
      stringify({
        name: 'packed',
        extends: 'base',
        disk: { size: '6GiB' },
        description: 'A "test" of ${packer} and {{ braces }}',
        ...definition,
      }),
    );
    const now = new Date('2026-01-01');
    const loaded = await loadTemplate(file, { folders: [join(root, 'templates')], distros, engines: [engine], now });
    const services = { distros, engines: [engine], provisionDir: join(root, 'templates/provision') };
    const context = { cacheDir: folder, offline: true, signal: new AbortController().signal, emit: () => undefined };
    return await makePlan(loaded, undefined, services, context);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

export async function caseFolder(index: number, dialect: Dialect): Promise<PackerFile[]> {
  const found = packerCases[index];
  if (found === undefined) throw new TypeError('no such case');
  const { builder, os, options } = found;
  return exportFolder(
    await planOfDefinition({ ...os, engine: { name: 'packer', options: { builder, ...options } } }),
    distros,
    dialect,
  );
}
