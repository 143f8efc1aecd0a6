import { randomBytes } from 'node:crypto';
import { open, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { makeSshKey } from '../../clients/ssh.ts';
import { type Distro, findRelease, type Release } from '../../model/distro.ts';
import type { Built, Engine, Pinned, PinRequest, Refusal, RefusalRequest } from '../../model/engine.ts';
import type { BuildMachineRequest, MachineHost } from '../../model/machine.ts';
import type { Medium } from '../../model/medium.ts';
import type { Plan } from '../../model/plan.ts';
import type { StepContext } from '../../model/step.ts';
import { type Digest, digestOfFile } from '../../util/digest.ts';
import { AppError } from '../../util/errors.ts';
import {
  type AnsweredInstaller,
  answeredInstallers,
  type Answers,
  type AnswersRequest,
  installedBy,
} from '../shared/answers/answers.ts';
import { answersVolume, initrdWithAnswers } from '../shared/answers/deliver.ts';
import { questionsOfTemplate } from '../shared/answers/questions.ts';
import { renderAnswers } from '../shared/answers/render-answers.ts';
import { buildInMachine } from '../shared/build-in-machine.ts';
import { wantedPackages } from '../shared/install-packages.ts';
import { ensureLayer } from '../shared/layers.ts';
import { fetchMedium } from '../shared/media/fetch-medium.ts';
import { pinMedium, pinVendorFile } from '../shared/media/pin-medium.ts';
import { refuseVendorFile } from '../shared/media/refuse-vendor-file.ts';
import { kernelArguments } from '../shared/step-environment.ts';
import { machineTools, qemuVersion } from '../shared/machine-tools.ts';
import { timed } from '../shared/timed.ts';
import { type BootFiles, bootFilesOf } from './boot-files.ts';
import { type InstallerOptions, installerOptions } from './options.ts';
import { listenForCalls } from './phone-home.ts';
import { watchInstallation, watchLimits } from './watch-installation.ts';

export interface InstallerConfig {
  distros: Distro[];
  machines: MachineHost;
  /** Base URLs of packages by the name of the mirror: `debian`, `debian-security`. */
  mirrors: () => Promise<Record<string, string>>;
}

/** Runs the vendor's own installer in a machine, its kernel started directly and its questions answered beforehand; then provisions and seals. */
export function installerEngine(config: InstallerConfig): Engine {
  return {
    id: 'installer',
    revision: 'installer-1',
    options: installerOptions,
    requires: machineTools,
    refuse,
    pin,
    preview: (plan) =>
      answersFor(plan, config, { publicKey: '(the key of the build)', phoneHome: 'http://10.0.2.2/(secret)' }).then(
        ({ answers }) => answers.files,
      ),
    build: (plan, ctx) => build(plan, config, ctx),
  };
}

/** Everything that is known to fail before a medium is fetched: no medium, no answers for this installer, questions left open. */
function refuse({ template, distro, release }: RefusalRequest): Refusal[] {
  const { kind } = release.installer;
  if (!isAnswered(kind))
    return [
      {
        path: ['engine', 'name'],
        message: `${release.title} is installed by ${kind}, which this engine cannot answer yet`,
        hint: 'Use the engine cloud-image.',
      },
    ];
  const refusals: Refusal[] = questionsOfTemplate(kind, template).map(({ path, message, hint }) => ({ path, message, hint }));
  const { data } = installerOptions.safeParse(template.engine.options);
  if (data && data.source === undefined && data.netboot === undefined)
    refusals.push(...refuseVendorFile('iso', { distro, release }));
  if (data?.netboot !== undefined && kind !== 'debian-installer')
    refusals.push({
      path: ['engine', 'options', 'netboot'],
      message: `${release.title} has no network installer of this kind`,
      hint: 'Use a medium (source).',
    });
  return refusals;
}

function isAnswered(kind: string): kind is AnsweredInstaller {
  return (answeredInstallers as readonly string[]).includes(kind);
}

async function pin({ template, arch, release }: PinRequest, ctx: Parameters<Engine['pin']>[1]): Promise<Pinned> {
  const { source, keyring, netboot } = installerOptions.parse(template.engine.options);
  const vendorFile = release.media.find((file) => file.arch === arch);
  let medium: Medium;
  if (netboot !== undefined)
    medium = { kind: 'iso', ...(await pinFile(netboot.initrd, ctx.signal)), kernel: await pinFile(netboot.kernel, ctx.signal) };
  else if (source !== undefined) medium = await pinMedium('iso', source, ctx);
  else if (vendorFile) medium = await pinVendorFile('iso', vendorFile, keyring, ctx);
  else throw new TypeError('the template was not checked');
  return { lock: { repositories: [], packages: [] }, medium, guestSources: '' };
}

async function pinFile(path: string, signal: AbortSignal): Promise<{ url: string; digest: Digest }> {
  return { url: pathToFileURL(path).href, digest: await digestOfFile(path, signal) };
}

interface Answered {
  answers: Answers;
  release: Release;
  distro: Distro;
  kind: AnsweredInstaller;
  options: InstallerOptions;
}

/** The answers to a plan's installer. `access` is what belongs to one build alone. */
async function answersFor(
  plan: Plan,
  config: InstallerConfig,
  access: Pick<AnswersRequest, 'publicKey' | 'phoneHome'>,
): Promise<Answered> {
  const { template } = plan;
  const distro = config.distros.find(({ id }) => id === template.distro);
  const release = distro && findRelease(distro, plan.release.id);
  const kind = release?.installer.kind;
  if (!distro || !release || kind === undefined || !isAnswered(kind)) throw new TypeError(`unknown release ${plan.release.id}`);
  const options = installerOptions.parse(template.engine.options);
  const mirrors = await config.mirrors();
  const mirror = options.mirror ?? mirrors[distro.id];
  if (options.netboot !== undefined && mirror === undefined)
    throw new AppError('CONFIG_INVALID', `A network installer needs a mirror, and none is known for ${distro.title}`, {
      hint: 'Name one: engine.options.mirror in the definition, or mirrors in gabarit.yaml.',
    });
  const kernel = release.guest.kernel[template.kernel]?.[0];
  const answers = renderAnswers({
    installer: kind,
    template,
    release: plan.release,
    arch: plan.arch,
    mirror,
    securityMirror: mirrors[`${distro.id}-security`],
    // Those of the template's own repositories come afterwards, when these are known to the system.
    packages: wantedPackages(release, {
      ...template,
      packages: template.repositories.length > 0 ? { ...template.packages, add: [] } : template.packages,
    }),
    ...(kernel !== undefined && distro.family === 'apt' ? { kernelPackage: kernel } : {}),
    disk: '/dev/vda',
    ...access,
    logDevice: '/dev/ttyS1',
    end: 'poweroff',
    kernelArguments: kernelArguments(plan),
  });
  return { answers, release, distro, kind, options };
}

interface InstalledFacts {
  madeAt: number;
  timings: Record<string, number>;
  tools: Record<string, string>;
}

async function build(plan: Plan, config: InstallerConfig, ctx: StepContext): Promise<Built> {
  const disk = await timed('install', 'Installation', ctx, () =>
    ensureLayer<InstalledFacts>('disk', plan.id, (folder) => install(plan, folder, config, ctx), ctx),
  );
  return {
    disk: join(disk.folder, 'disk.raw'),
    virtualSize: plan.template.disk.size,
    sourceDateEpoch: disk.facts.madeAt,
    timings: disk.reused ? {} : disk.facts.timings,
    tools: disk.facts.tools,
  };
}

async function install(plan: Plan, folder: string, config: InstallerConfig, ctx: StepContext): Promise<InstalledFacts> {
  const { template, medium } = plan;
  if (!medium) throw new TypeError('the plan has no medium');
  const name = `install-${randomBytes(4).toString('hex')}`;
  const identity = join(ctx.workdir, `${name}.key`);
  const files = [
    identity,
    `${identity}.pub`,
    ...['installer-kernel', 'installer-initrd', 'initrd', 'answers.iso'].map((file) => join(ctx.workdir, file)),
  ];
  ctx.scope.defer(() => Promise.all(files.map((file) => rm(file, { force: true }))));
  const home = await listenForCalls(ctx.scope);
  const publicKey = await makeSshKey(identity, 'gabarit-build');
  const { answers, release, distro, kind, options } = await answersFor(plan, config, { publicKey, phoneHome: home.url });
  const path = await fetchMedium(medium, ctx);
  const boot: BootFiles =
    medium.kernel === undefined
      ? await bootFilesOf(path, release.installer, ctx.workdir)
      : { kernel: await fetchMedium({ kind: 'iso', ...medium.kernel }, ctx), initrd: path, volumeId: '' };
  const disk = join(folder, 'disk.raw');
  await using file = await open(disk, 'w');
  await file.truncate(template.disk.size);
  const acceleration = await config.machines.prove(ctx);
  ctx.emit({ type: 'log', level: 'info', message: `The machine runs with ${acceleration.reason}` });
  const request: BuildMachineRequest = {
    name,
    disk: { path: disk, format: 'raw' },
    discs: medium.kernel === undefined ? [path] : [],
    firmware: installedBy(template.disk.firmware),
    acceleration,
    memoryMiB: options.memoryMiB,
    cpus: 2,
    failureDir: join(ctx.cacheDir, 'failures', template.name),
  };
  const started = performance.now();
  const installer = await config.machines.startBuild(
    { ...request, ...(await withAnswers(request, answers, boot, release, ctx)) },
    ctx,
  );
  try {
    const limits = watchLimits[acceleration.accelerator];
    await watchInstallation({ kind, machine: installer, calls: home.calls, limits }, ctx);
  } finally {
    await installer.stop();
  }
  const installed = performance.now();
  const machine = await config.machines.startBuild({ ...request, name: `${name}-installed`, discs: [] }, ctx);
  try {
    await buildInMachine({ plan, distro, release, machine, identity }, ctx);
  } finally {
    await machine.stop();
  }
  return {
    madeAt: Math.floor(Date.now() / 1000),
    timings: {
      'machine: install': (installed - started) / 1000,
      'machine: boot, provision, seal': (performance.now() - installed) / 1000,
    },
    tools: { qemu: await qemuVersion(ctx.signal) },
  };
}

/** Kernel, initial ramdisk and discs with the answers where the installer looks for them. */
async function withAnswers(
  { discs }: BuildMachineRequest,
  answers: Answers,
  boot: BootFiles,
  { installer }: Release,
  ctx: StepContext,
): Promise<Pick<BuildMachineRequest, 'kernel' | 'discs'>> {
  const words = [...new Set([...installer.arguments, ...answers.kernelArguments])].map((word) =>
    word.replaceAll('{volumeId}', boot.volumeId),
  );
  const line = words.map((word) => (word.includes(' ') ? `"${word}"` : word)).join(' ');
  if (answers.delivery.by === 'initrd') {
    const initrd = join(ctx.workdir, 'initrd');
    await initrdWithAnswers(boot.initrd, answers, initrd);
    return { kernel: { path: boot.kernel, initrd, arguments: line }, discs };
  }
  const volume = join(ctx.workdir, 'answers.iso');
  await writeFile(volume, answersVolume(answers, answers.delivery.label));
  return { kernel: { path: boot.kernel, initrd: boot.initrd, arguments: line }, discs: [...discs, volume] };
}
