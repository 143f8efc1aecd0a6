import { readdir, readFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { Distro, Release } from '../../model/distro.ts';
import type { Plan, PlanProvision } from '../../model/plan.ts';
import { ownRepositories } from '../shared/own-repositories.ts';
import { bootEnvironment, stepEnvironment } from '../shared/step-environment.ts';
import { buildUser, type Builder } from './builder.ts';
import { finishScript } from './finish-script.ts';
import { comment, literal } from './hcl-json.ts';
import { packagesScript, uploaded } from './packages-script.ts';

/** A file of the folder that Packer is run in. */
export type PackerFile = { path: string; mode?: number } & (
  | { content: string | Buffer; source?: undefined }
  /** What is too large to hold: a file to copy. */
  | { source: string; content?: undefined }
);

export interface Provisioners {
  /** Blocks of Packer's template, in order. */
  blocks: Record<string, object>[];
  files: PackerFile[];
}

interface Facts {
  plan: Plan;
  distro: Distro;
  release: Release;
  builder: Builder;
}

/** As the bootstrap engine has it inside the image tree. */
const machineEnvironment = {
  PATH: '/usr/sbin:/usr/bin:/sbin:/bin',
  HOME: '/root',
  TZ: 'UTC',
  LC_ALL: 'C.UTF-8',
  DEBIAN_FRONTEND: 'noninteractive',
};

/**
 * The provisioning of a plan as Packer does it: everything is uploaded once, then each item runs as root over SSH, in the order of the
 * plan, with the same environment as in the other engines. The seal step comes last, within the script that also switches off.
 */
export async function provisioners(facts: Facts): Promise<Provisioners> {
  const { plan, builder } = facts;
  const isRoot = builder.from === 'iso';
  const asRoot = isRoot ? '' : 'sudo -n ';
  const environment = {
    ...machineEnvironment,
    ...stepEnvironment(plan),
    ...bootEnvironment(plan, facts.release),
    GABARIT_FILES: `${uploaded}/files`,
  };
  const files: PackerFile[] = [...(await shippedFiles(plan))];
  const blocks: Record<string, object>[] = [];
  const run = (name: string, title: string, vars: Record<string, string>, how: 'sh' | 'itself', last = false): void => {
    const command = how === 'sh' ? '/bin/sh -eu {{ .Path }}' : '{{ .Path }}';
    blocks.push({
      shell: {
        ...comment(title),
        script: `scripts/${name}`,
        execute_command: `${how === 'sh' ? '' : 'chmod +x {{ .Path }}; '}${asRoot}env {{ .Vars }} ${command}`,
        environment_vars: Object.entries(vars).map(([key, value]) => literal(`${key}=${value}`)),
        // What has just been removed cannot be removed again.
        ...(last ? { skip_clean: true } : {}),
      },
    });
  };

  files.push({ path: 'scripts/00-packages.sh', content: packagesScript(facts), mode: 0o755 });
  for (const { name, key, sources } of ownRepositories(plan)) {
    files.push({ path: `upload/repositories/${basename(key.to)}`, content: await readFile(key.from) });
    files.push({ path: `upload/repositories/${name}.sources`, content: sources.text });
  }
  blocks.push({ file: { ...comment('What the steps install, and your own files'), source: 'upload', destination: '/tmp' } });
  run('00-packages.sh', 'What the steps need, where the image has it not', environment, 'sh');

  const seal = plan.provisioning.findLast((item) => item.kind === 'step' && item.name === 'seal');
  for (const [index, item] of plan.provisioning.entries()) {
    if (item === seal) continue;
    const number = String(index + 1).padStart(2, '0');
    if (item.kind === 'file') {
      files.push({ path: `upload/own/${number}`, content: await readFile(item.source) });
      blocks.push(installFile(item, `${uploaded}/own/${number}`, asRoot));
      continue;
    }
    const name = `${number}-${basename(item.name).replace(/\.sh$/, '')}.sh`;
    files.push({ path: `scripts/${name}`, content: await readFile(item.source), mode: 0o755 });
    const own = item.kind === 'step' ? `The step ${item.name}: docs/provisioning.md` : `Your script ${item.name}`;
    run(name, own, { ...environment, ...item.environment }, item.kind === 'step' ? 'sh' : 'itself');
  }

  if (seal?.kind === 'step') files.push({ path: 'upload/seal.sh', content: await readFile(seal.source), mode: 0o755 });
  files.push({ path: 'scripts/99-finish.sh', content: finishScript, mode: 0o755 });
  run(
    '99-finish.sh',
    'Runs the step seal, gives free space back, and stops the machine without writing to its disk again',
    {
      ...environment,
      ...(seal?.kind === 'step' ? { ...seal.environment, GABARIT_SEAL: `${uploaded}/seal.sh` } : {}),
      ...(isRoot ? {} : { GABARIT_WITH_BUILD_USER: loginOf(facts) }),
      // QEMU is stopped from outside, when the disk is quiet.
      GABARIT_POWER_OFF: builder.id === 'qemu' ? 'no' : 'yes',
    },
    'sh',
    true,
  );
  return { blocks, files };
}

function loginOf({ builder, release }: Facts): string {
  if (builder.id === 'qemu') return buildUser;
  return builder.id === 'azure-arm' ? 'packer' : release.guest.cloudUser;
}

function installFile(item: Extract<PlanProvision, { kind: 'file' }>, path: string, asRoot: string): Record<string, object> {
  const [owner = 'root', group = owner] = item.owner.split(':');
  const quoted = `'${item.to.replaceAll("'", `'\\''`)}'`;
  return {
    shell: {
      ...comment(`Your file ${item.name}`),
      inline: [literal(`${asRoot}install -D -m ${item.mode} -o ${owner} -g ${group} ${path} ${quoted}`)],
    },
  };
}

/** The files that the shipped steps install. */
async function shippedFiles(plan: Plan): Promise<PackerFile[]> {
  const step = plan.provisioning.find((item) => item.kind === 'step');
  if (step === undefined) return [];
  const folder = join(dirname(step.source), 'files');
  const names = (await readdir(folder)).toSorted();
  return Promise.all(
    names.map(async (name) => ({ path: `upload/files/${name}`, content: await readFile(join(folder, name)), mode: 0o755 })),
  );
}
