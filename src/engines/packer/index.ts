import { constants, copyFile, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { iso9660 } from '../../disk/iso9660-writer.ts';
import { makeSshKey } from '../../clients/ssh.ts';
import { type Distro, findRelease, type Release } from '../../model/distro.ts';
import type { Built, Engine, PinRequest, Pinned, Refusal, RefusalRequest } from '../../model/engine.ts';
import { platforms } from '../../model/platform.ts';
import type { Plan } from '../../model/plan.ts';
import type { StepContext } from '../../model/step.ts';
import { digestOfJson } from '../../util/digest.ts';
import { AppError } from '../../util/errors.ts';
import { registerSecret } from '../../util/redact.ts';
import { ensureLayer } from '../shared/layers.ts';
import { qemuVersion } from '../shared/machine-tools.ts';
import { answeredInstallers } from '../shared/answers/answers.ts';
import { questionsOfTemplate } from '../shared/answers/questions.ts';
import { fetchMedium } from '../shared/media/fetch-medium.ts';
import { pinMedium, pinVendorFile } from '../shared/media/pin-medium.ts';
import { refuseVendorFile } from '../shared/media/refuse-vendor-file.ts';
import type { Dialect } from './builder.ts';
import { findBuilder, packerOptions, type PackerOptions, readOptions } from './options.ts';
import { findPacker, type PackerProgram } from './packer-version.ts';
import type { PackerFile } from './provisioners.ts';
import { repackMedium } from './repack-medium.ts';
import { runPacker } from './run-packer.ts';
import { templateFolder } from './template-folder.ts';

const engineRevision = 'packer-1';
/** Of a whole run, beyond the time that SSH may take. */
const provisioningMs = 3 * 60 * 60_000;

export interface PackerConfig {
  distros: Distro[];
  /** Whether KVM does its work on this host. */
  proveKvm: (ctx: StepContext) => Promise<{ usable: boolean; reason: string }>;
  /** Another Packer than the one on the PATH, for tests. */
  command?: string;
  /** Before the second run; three times as long before the third. */
  pauseMs?: number;
}

interface PackerDisk {
  timings: Record<string, number>;
  tools: Record<string, string>;
  sourceDateEpoch: number;
}

/** Lets the user's own Packer make the disk: in a machine, over SSH, with the same steps. */
export function packerEngine(config: PackerConfig): Engine {
  return {
    id: 'packer',
    revision: engineRevision,
    options: packerOptions,
    requires: [],
    refuse: refusals,
    pin: pinSource,
    build: (plan, ctx) => build(plan, config, ctx),
  };
}

/** The same for what is only exported: a definition need not say what differs from place to place. */
export function packerExporter(distros: Distro[]): Engine {
  const never = async (): Promise<never> => {
    throw new TypeError('an exported template is not built here');
  };
  return { ...packerEngine({ distros, proveKvm: never }), refuse: (request) => builderRefusals(request), build: never };
}

function refusals({ template, distro, release }: RefusalRequest): Refusal[] {
  // What is wrong with the options themselves is told by their schema.
  if (!packerOptions.safeParse(template.engine.options).success) return [];
  return builderRefusals({ template, distro, release }, true);
}

/** What a builder can never make of a template. `isBuilt`: here, so that it is also checked. */
function builderRefusals({ template, distro, release }: RefusalRequest, isBuilt = false): Refusal[] {
  const { builder: id, source } = readOptions(template.engine.options);
  const builder = findBuilder(id);
  if (builder === undefined) return [];
  if (source !== undefined && builder.from === 'platform')
    return [
      {
        path: ['engine', 'options', 'source'],
        message: `${builder.id} begins with an image that the platform has`,
        hint: 'Take "source" out.',
      },
    ];
  const { platform } = builder;
  if (platform !== undefined && !template.platforms.includes(platform))
    return [
      {
        path: ['platforms'],
        message: `${builder.id} makes machines of ${platforms[platform].title}, which this template is not for`,
        hint: `Add ${platform} to the platforms, or take another builder.`,
      },
    ];
  if (builder.id === 'qemu' && template.disk.firmware === 'uefi')
    return [
      {
        path: ['disk', 'firmware'],
        message: "Packer's qemu starts its machine by BIOS, which this template is not for",
        hint: 'Write "both", or use the engine cloud-image.',
      },
    ];
  const { kind } = release.installer;
  const installer = answeredInstallers.find((known) => known === kind);
  const open =
    builder.from === 'iso' && installer
      ? questionsOfTemplate(installer, template).map(({ path, message, hint }) => ({ path, message, hint }))
      : [];
  if (builder.from === 'iso' && !installer)
    return [
      {
        path: ['engine', 'options', 'builder'],
        message: `${release.title} is installed by ${kind}, for which there are no answers here`,
        hint: 'Begin with a disk image: builder qemu.',
      },
    ];
  if (source !== undefined || builder.from === 'platform' || open.length > 0) return open;
  return refuseVendorFile(builder.from, { distro, release }, isBuilt && builder.id === 'qemu');
}

/** The vendor's medium or the definition's own; packages are what the machine finds when it is built. */
async function pinSource(
  { template, arch, release }: PinRequest,
  ctx: Pick<StepContext, 'cacheDir' | 'offline' | 'signal' | 'emit'>,
): Promise<Pinned> {
  const options = readOptions(template.engine.options);
  const builder = findBuilder(options.builder);
  const nothing: Pinned = { lock: { repositories: [], packages: [] }, guestSources: '' };
  if (builder === undefined || builder.from === 'platform') return nothing;
  const kind = builder.from;
  if (options.source) return { ...nothing, medium: await pinMedium(kind, options.source, ctx) };
  const vendor = (kind === 'iso' ? release.media : release.cloudImages).find((file) => file.arch === arch);
  if (vendor === undefined) throw new AppError('NOT_FOUND', `${release.title} has no ${kind} for ${arch}`);
  return { ...nothing, medium: await pinVendorFile(kind, vendor, options.keyring, ctx) };
}

/** The distribution and release of a plan. */
function factsOf(plan: Plan, distros: Distro[]): { distro: Distro; release: Release } {
  const distro = distros.find(({ id }) => id === plan.template.distro);
  const release = distro && findRelease(distro, plan.release.id);
  if (distro === undefined || release === undefined) throw new TypeError(`unknown release ${plan.release.id}`);
  return { distro, release };
}

/** The folder that `gabarit packer export` writes. With a context, its medium is repacked. */
export async function exportFolder(plan: Plan, distros: Distro[], dialect: Dialect, repack?: StepContext): Promise<PackerFile[]> {
  const options = readOptions(plan.template.engine.options);
  const builder = findBuilder(options.builder);
  if (builder === undefined) throw new TypeError(`no builder ${options.builder}`);
  const facts = factsOf(plan, distros);
  const repacked = repack && (await repackMedium(plan, facts.distro, facts.release, repack));
  return await templateFolder({ plan, ...facts, builder, options, dialect, ...(repacked ? { repacked } : {}) });
}

async function build(plan: Plan, config: PackerConfig, ctx: StepContext): Promise<Built> {
  const options = readOptions(plan.template.engine.options);
  const { medium } = plan;
  if (options.builder !== 'qemu' || medium === undefined)
    throw new AppError('USAGE', `${options.builder} leaves its result on its platform, from where Gabarit does not fetch it`, {
      hint: `Run Packer by hand: gabarit packer export ${plan.template.name} --builder ${options.builder}. Or build here: builder: qemu.`,
    });
  const program = await findPacker(config.command ?? 'packer', ctx.signal);
  const key = digestOfJson({ plan: plan.id, packer: program.version });
  const disk = await ensureLayer<PackerDisk>('disk', key, (folder) => makeDisk(plan, options, program, folder, config, ctx), ctx);
  return {
    disk: join(disk.folder, 'disk.raw'),
    virtualSize: plan.template.disk.size,
    sourceDateEpoch: disk.facts.sourceDateEpoch,
    timings: disk.reused ? {} : disk.facts.timings,
    tools: disk.facts.tools,
  };
}

async function makeDisk(
  plan: Plan,
  options: PackerOptions,
  program: PackerProgram,
  layer: string,
  config: PackerConfig,
  ctx: StepContext,
): Promise<PackerDisk> {
  const builder = findBuilder('qemu');
  const { medium } = plan;
  if (builder === undefined || medium === undefined) throw new TypeError('the options were not checked');
  const image = await fetchMedium(medium, ctx);
  const folder = join(ctx.keepOnError ? await keptFolder(plan, ctx) : ctx.workdir, 'packer');
  await mkdir(folder, { recursive: true });
  const key = join(folder, 'build-key');
  const publicKey = await makeSshKey(key, 'gabarit-build');
  registerSecret(await readFile(key, 'utf8'));
  const files = await templateFolder({
    plan,
    ...factsOf(plan, config.distros),
    builder,
    options,
    dialect: program.dialect,
    isoUrl: `file://${image}`,
    publicKey,
  });
  await writeFolder(folder, files);
  const seed = (name: string): string => String(files.find(({ path }) => path === `seed/${name}`)?.content ?? '');
  await writeFile(
    join(folder, 'seed.iso'),
    iso9660('cidata', { 'meta-data': seed('meta-data'), 'user-data': seed('user-data') }),
  );
  const kvm = await config.proveKvm(ctx);
  if (!kvm.usable) ctx.emit({ type: 'log', level: 'warn', message: `The machine runs without KVM, slowly: ${kvm.reason}` });
  const output = join(folder, 'output');
  const variables = {
    accelerator: kvm.usable ? 'kvm' : 'tcg',
    output_directory: output,
    ssh_private_key_file: key,
    // It must not outlive Packer, however that ends; one that is kept must.
    ...(ctx.keepOnError ? {} : { qemu_binary: await boundQemu(folder) }),
  };
  const timeoutMs = options.sshTimeoutMinutes * 60_000 + provisioningMs;
  const run = {
    command: config.command ?? 'packer',
    folder,
    cacheDir: ctx.cacheDir,
    variables,
    timeoutMs,
    keep: ctx.keepOnError ?? false,
  };
  await mkdir(join(ctx.cacheDir, 'packer'), { recursive: true });
  const ran = await runAgain(run, output, config.pauseMs ?? 5000, ctx).catch((error: unknown) => {
    throw ctx.keepOnError && error instanceof AppError ? tellKept(error, folder, key) : error;
  });
  await rename(join(output, 'disk.raw'), join(layer, 'disk.raw'));
  if (ctx.keepOnError) await rm(dirname(folder), { recursive: true, force: true });
  return {
    timings: ran.timings,
    tools: {
      packer: program.version,
      // The template requires exactly this one; Packer 1.6 has it built in.
      ...(program.dialect === 'current' ? { [`packer-plugin-${builder.plugin.name}`]: builder.plugin.version } : {}),
      qemu: await qemuVersion(ctx.signal),
    },
    sourceDateEpoch: Math.floor(Date.now() / 1000),
  };
}

/** A second and third run only for what may go away by itself. */
async function runAgain(
  run: Parameters<typeof runPacker>[0],
  output: string,
  firstPauseMs: number,
  ctx: StepContext,
): Promise<{ timings: Record<string, number> }> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await runPacker(run, ctx);
    } catch (error) {
      if (attempt >= 3 || run.keep || !(error instanceof AppError) || error.details['retry'] !== true) throw error;
      const pauseMs = firstPauseMs * 3 ** (attempt - 1);
      ctx.emit({ type: 'log', level: 'warn', message: `${error.message} Trying again in ${pauseMs / 1000} s.` });
      await sleep(pauseMs, undefined, { signal: ctx.signal });
      await rm(output, { recursive: true, force: true });
    }
  }
}

export async function writeFolder(folder: string, files: readonly PackerFile[]): Promise<void> {
  for (const { path, content, source, mode } of files) {
    const to = join(folder, path);
    await mkdir(dirname(to), { recursive: true });
    if (source === undefined) await writeFile(to, content, { mode: mode ?? 0o644 });
    else await copyFile(source, to, constants.COPYFILE_FICLONE);
  }
}

/** A QEMU that is ended by the kernel when whoever started it ends. */
async function boundQemu(folder: string): Promise<string> {
  const path = join(folder, 'qemu-bound');
  await writeFile(path, '#!/bin/sh\nexec setpriv --pdeathsig KILL qemu-system-x86_64 "$@"\n', { mode: 0o755 });
  return path;
}

/** Not in the work folder, which is gone when the run is. */
async function keptFolder(plan: Plan, ctx: StepContext): Promise<string> {
  const folder = join(ctx.cacheDir, 'kept', `${plan.template.name}-${Date.now()}`);
  await mkdir(folder, { recursive: true });
  return folder;
}

/** How to look at the machine that a failed build left. */
function tellKept(error: AppError, folder: string, key: string): AppError {
  const port = error.details['port'];
  const login = `ssh -p ${String(port)} -i ${key} -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null gabarit-build@127.0.0.1`;
  return new AppError(error.code, error.message, {
    cause: error,
    hint: `${port === undefined ? '' : `The machine still runs: ${login}\n`}Its disk, scripts and serial.log are in ${folder}. Remove them when you are done: kill its QEMU, then rm -r ${dirname(folder)}`,
    details: error.details,
  });
}
