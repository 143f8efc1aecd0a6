import type { Distro, Release } from '../../model/distro.ts';
import type { Plan } from '../../model/plan.ts';
import { answersFor } from './answers-for.ts';
import { type Builder, buildUser, type Dialect } from './builder.ts';
import { comment, literal } from './hcl-json.ts';
import { givenVariables } from './options.ts';
import { type PackerFile, provisioners } from './provisioners.ts';
import { prepareScript } from './prepare-script.ts';
import type { RepackedMedium } from './repack-medium.ts';
import { readme } from './readme.ts';

export interface FolderRequest {
  plan: Plan;
  distro: Distro;
  release: Release;
  builder: Builder;
  options: { memoryMiB: number; cpus: number; sshTimeoutMinutes: number } & Record<string, unknown>;
  dialect: Dialect;
  /** Where the medium lies; absent: at the plan's own URL. */
  isoUrl?: string;
  /** The build's public key; absent: `prepare.sh` makes one and fills it in. */
  publicKey?: string;
  /** The medium in the folder answers by itself: nothing is typed, and its key is there. */
  repacked?: RepackedMedium;
}

export const publicKeyMark = '@SSH_PUBLIC_KEY@';
/** Of a repacked medium, in the folder. */
const mediumName = 'medium.iso';

/** Everything that Packer needs to make the image of a plan, as a folder: template, variables, scripts, answers, and how to run it. */
export async function templateFolder(request: FolderRequest): Promise<PackerFile[]> {
  const { plan, builder, options, dialect, distro, release } = request;
  const { repacked } = request;
  const publicKey = repacked?.publicKey ?? request.publicKey ?? publicKeyMark;
  const isIso = plan.medium?.kind === 'iso';
  const answers = isIso ? answersFor(plan, distro, release, publicKey, repacked !== undefined) : undefined;
  const seed = builder.id === 'qemu' && !isIso ? seedFiles(plan, publicKey) : [];
  const medium = plan.medium;
  const source = builder.source({
    plan: { ...plan, template: { ...plan.template, description: literal(plan.template.description) } },
    distro,
    release,
    memoryMiB: options.memoryMiB,
    cpus: options.cpus,
    diskMiB: plan.template.disk.size / 2 ** 20,
    sshTimeout: `${options.sshTimeoutMinutes}m`,
    isoUrl: literal(repacked === undefined ? (request.isoUrl ?? medium?.url ?? '') : mediumName),
    isoChecksum: repacked?.digest ?? medium?.digest ?? '',
    ...(answers && repacked === undefined
      ? { answers: { files: answers.files, ...(answers.volume ? { volume: answers.volume } : {}) } }
      : {}),
    bootCommand: answers?.bootCommand ?? [],
    dialect,
  });
  const steps = await provisioners({ plan, distro, release, builder });
  const title = `${plan.template.name}: ${plan.release.title}, by ${builder.id}. Written by "gabarit packer export" from plan ${plan.id}`;
  const template = {
    ...comment(literal(title)),
    ...(dialect === 'current' ? { packer: requiredPlugins(builder) } : {}),
    source: { [builder.id]: { image: source } },
    build: [{ sources: [`source.${builder.id}.image`], provisioner: steps.blocks }],
  };
  const variables = variablesOf(builder, options);
  const folderFiles: PackerFile[] = [
    { path: 'build.pkr.json', content: json(template) },
    { path: 'variables.pkr.json', content: json({ variable: variables }) },
    { path: 'example.pkrvars.json', content: json(exampleOf(builder, options)) },
    {
      path: 'prepare.sh',
      content: prepareScript({ hasKey: needsKey(builder) && repacked === undefined, seed, answers }),
      mode: 0o755,
    },
    { path: 'README.md', content: readme({ plan, builder, dialect, answers, isRepacked: repacked !== undefined }) },
    ...(repacked === undefined
      ? []
      : [
          { path: mediumName, source: repacked.path },
          { path: 'build-key', content: repacked.key, mode: 0o600 },
        ]),
    ...seed,
    ...(answers?.files ?? []).map(({ name, text }) => ({ path: `answers/${name}`, content: text })),
    ...steps.files,
  ];
  return folderFiles.toSorted((a, b) => (a.path < b.path ? -1 : 1));
}

function json(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}

/** Whether the build logs in by a key that we make; elsewhere Packer makes one with the platform. */
export function needsKey({ from }: Builder): boolean {
  return from !== 'platform';
}

function requiredPlugins({ plugin }: Builder): object {
  return { required_plugins: { [plugin.name]: { source: plugin.source, version: plugin.version } } };
}

function variablesOf(builder: Builder, options: Record<string, unknown>): Record<string, object> {
  const given = givenVariables(builder, options);
  const key = needsKey(builder)
    ? {
        ssh_private_key_file: {
          description: 'The key that the build logs in with; prepare.sh makes one for each build',
          type: 'string',
          default: 'build-key',
        },
      }
    : {};
  const own = Object.entries(builder.variables).map(([name, { description, sensitive, default: value }]) => {
    const initial = given[name] ?? value;
    return [
      name,
      {
        description,
        type: typeof value === 'number' ? 'number' : typeof value === 'boolean' ? 'bool' : 'string',
        ...(sensitive ? { sensitive: true } : {}),
        ...(initial === undefined ? {} : { default: typeof initial === 'string' ? literal(initial) : initial }),
      },
    ] as const;
  });
  return { ...key, ...Object.fromEntries(own) };
}

/** What must still be said. Secrets are not: those come from the environment. */
function exampleOf(builder: Builder, options: Record<string, unknown>): Record<string, unknown> {
  const given = givenVariables(builder, options);
  return Object.fromEntries(
    Object.entries(builder.variables)
      .filter(([, { sensitive }]) => !sensitive)
      .map(([name, { default: value, example }]) => [name, given[name] ?? value ?? example ?? '']),
  );
}

/** Lets the build in: cloud-init makes its user at first boot. The seal step removes it. */
function seedFiles(plan: Plan, publicKey: string): PackerFile[] {
  const userData = {
    users: [
      {
        name: buildUser,
        gecos: 'Gabarit build',
        lock_passwd: true,
        shell: '/bin/sh',
        sudo: 'ALL=(ALL) NOPASSWD:ALL',
        ssh_authorized_keys: [publicKey],
      },
    ],
  };
  return [
    // JSON is YAML, and says what it means.
    { path: 'seed/user-data', content: `#cloud-config\n${json(userData)}` },
    { path: 'seed/meta-data', content: json({ 'instance-id': `build-${plan.id.slice(7, 19)}`, 'local-hostname': 'build' }) },
  ];
}
