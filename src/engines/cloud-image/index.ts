import { randomBytes } from 'node:crypto';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { makeSshKey } from '../../clients/ssh.ts';
import { type Distro, findRelease } from '../../model/distro.ts';
import type { Built, Engine, Pinned, PinRequest, Refusal, RefusalRequest } from '../../model/engine.ts';
import type { MachineHost } from '../../model/machine.ts';
import { type Medium, mediumSourceSchema } from '../../model/medium.ts';
import type { Plan } from '../../model/plan.ts';
import type { StepContext } from '../../model/step.ts';
import { exec } from '../../util/exec.ts';
import { buildInMachine } from '../shared/build-in-machine.ts';
import { ensureLayer } from '../shared/layers.ts';
import { fetchMedium } from '../shared/media/fetch-medium.ts';
import { keyringOption } from '../shared/media/keyring-option.ts';
import { pinMedium, pinVendorFile } from '../shared/media/pin-medium.ts';
import { refuseVendorFile } from '../shared/media/refuse-vendor-file.ts';
import { machineTools, qemuVersion } from '../shared/machine-tools.ts';
import { timed } from '../shared/timed.ts';
import { makeOverlay } from './overlay.ts';
import { buildSeed } from './seed.ts';

export const cloudImageOptions = z.strictObject({
  source: mediumSourceSchema.optional().describe("The image to start from; by default the vendor's newest for the release"),
  keyring: keyringOption,
});

export interface CloudImageConfig {
  distros: Distro[];
  machines: MachineHost;
}

const noLock: Pinned['lock'] = { repositories: [], packages: [] };

/** Starts from the vendor's cloud image: it is booted over an overlay, provisioned over SSH, and sealed. One way for every distribution. */
export function cloudImageEngine(config: CloudImageConfig): Engine {
  return {
    id: 'cloud-image',
    revision: 'cloud-image-2',
    options: cloudImageOptions,
    requires: machineTools,
    refuse,
    pin,
    build: (plan, ctx) => build(plan, config, ctx),
  };
}

function refuse({ template, distro, release }: RefusalRequest): Refusal[] {
  const { data } = cloudImageOptions.safeParse(template.engine.options);
  return data && data.source === undefined ? refuseVendorFile('image', { distro, release }) : [];
}

async function pin({ template, arch, release }: PinRequest, ctx: Parameters<Engine['pin']>[1]): Promise<Pinned> {
  const { source, keyring } = cloudImageOptions.parse(template.engine.options);
  const vendorFile = release.cloudImages.find((image) => image.arch === arch);
  let medium: Medium;
  if (source !== undefined) medium = await pinMedium('image', source, ctx);
  else if (vendorFile) medium = await pinVendorFile('image', vendorFile, keyring, ctx);
  else throw new TypeError('the template was not checked');
  // The image keeps the sources that its vendor gave it.
  return { lock: noLock, medium, guestSources: '' };
}

interface CloudImageFacts {
  madeAt: number;
  timings: Record<string, number>;
  tools: Record<string, string>;
}

async function build(plan: Plan, config: CloudImageConfig, ctx: StepContext): Promise<Built> {
  const { medium } = plan;
  if (!medium) throw new TypeError('the plan has no medium');
  const image = await timed('medium', 'Cloud image', ctx, async () => ({ path: await fetchMedium(medium, ctx), reused: false }));
  const disk = await timed('provision', 'Provisioning', ctx, () =>
    ensureLayer<CloudImageFacts>('disk', plan.id, (folder) => makeDisk(plan, image.path, folder, config, ctx), ctx),
  );
  return {
    disk: join(disk.folder, 'disk.raw'),
    virtualSize: plan.template.disk.size,
    sourceDateEpoch: disk.facts.madeAt,
    timings: disk.reused ? {} : disk.facts.timings,
    tools: disk.facts.tools,
  };
}

async function makeDisk(
  plan: Plan,
  image: string,
  folder: string,
  config: CloudImageConfig,
  ctx: StepContext,
): Promise<CloudImageFacts> {
  const { template } = plan;
  const distro = config.distros.find(({ id }) => id === template.distro);
  const release = distro && findRelease(distro, plan.release.id);
  if (!distro || !release) throw new TypeError(`unknown release ${plan.release.id}`);
  const name = `build-${randomBytes(4).toString('hex')}`;
  const [overlay, seed, identity] = ['qcow2', 'iso', 'key'].map((kind) => join(ctx.workdir, `${name}.${kind}`)) as [
    string,
    string,
    string,
  ];
  const remove = (): Promise<unknown> =>
    Promise.all([overlay, seed, identity, `${identity}.pub`].map((path) => rm(path, { force: true })));
  ctx.scope.defer(remove);
  const started = performance.now();
  await makeOverlay(image, overlay, template.disk.size, ctx.signal);
  await writeFile(seed, buildSeed(await makeSshKey(identity, 'gabarit-build'), name));
  const acceleration = await config.machines.prove(ctx);
  ctx.emit({ type: 'log', level: 'info', message: `The machine runs with ${acceleration.reason}` });
  const machine = await config.machines.startBuild(
    {
      name,
      disk: { path: overlay, format: 'qcow2' },
      discs: [seed],
      firmware: template.disk.firmware === 'uefi' ? 'uefi' : 'bios',
      acceleration,
      memoryMiB: 2048,
      cpus: 2,
      failureDir: join(ctx.cacheDir, 'failures', template.name),
    },
    ctx,
  );
  try {
    await buildInMachine({ plan, distro, release, machine, identity }, ctx);
  } finally {
    await machine.stop();
  }
  const provisioned = performance.now();
  const convert = ['qemu-img', 'convert', '-q', '-f', 'qcow2', '-O', 'raw', '-S', '4k', overlay, join(folder, 'disk.raw')];
  await exec(convert, { signal: ctx.signal, errorCode: 'BUILD_FAILED', what: 'Reading the disk of the machine' });
  await remove();
  return {
    madeAt: Math.floor(Date.now() / 1000),
    timings: {
      'machine: boot, provision, seal': (provisioned - started) / 1000,
      'machine: read disk': (performance.now() - provisioned) / 1000,
    },
    tools: { qemu: await qemuVersion(ctx.signal) },
  };
}
