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
/** No real one: nothing here is verified with it. */
const armouredKey = '-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nAAAA\n-----END PGP PUBLIC KEY BLOCK-----\n';
const medium = (name: string): object => ({ url: `https://mirror.example/${name}`, digest: `sha256:${'5e'.repeat(32)}` });

/** Each builder with an OS that stands for the others of its kind, and what its place needs. */
export const packerCases: { builder: string; os: object; options: Record<string, unknown> }[] = [
  {
    builder: 'qemu',
    os: {
      distro: 'debian',
      release: '12',
      repositories: [{ name: 'tools', uri: 'https://packages.example/debian', suite: 'bookworm', key: 'own.asc' }],
    },
    options: { source: medium('debian-12.qcow2') },
  },
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

/** @throws AppError as `gabarit plan` does */
export function planOfDefinition(definition: object): Promise<Plan> {
  return withPlan(definition, async (plan) => plan);
}

/** Loads a definition, with a key beside it, pins it, and does the work while its files are there. */
async function withPlan<T>(definition: object, work: (plan: Plan) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'packer-definition-'));
  try {
    const file = join(folder, 'packed.yaml');
    await writeFile(join(folder, 'own.asc'), armouredKey);
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
    return await work(await makePlan(loaded, undefined, services, context));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

export async function caseFolder(index: number, dialect: Dialect): Promise<PackerFile[]> {
  const found = packerCases[index];
  if (found === undefined) throw new TypeError('no such case');
  const { builder, os, options } = found;
  return withPlan({ ...os, engine: { name: 'packer', options: { builder, ...options } } }, (plan) =>
    exportFolder(plan, distros, dialect),
  );
}
