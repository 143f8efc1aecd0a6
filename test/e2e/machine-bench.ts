import { mkdir, mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect } from 'vitest';
import { clonesChecks, guestChecks, unseededChecks } from '../../src/checks/index.ts';
import type { AnyCheck } from '../../src/model/check.ts';
import type { Firmware, Machine } from '../../src/model/machine.ts';
import type { StepContext } from '../../src/model/step.ts';
import { type BootReport, bootImage } from '../../src/pipeline/steps/boot-image.ts';
import type { AppError } from '../../src/util/errors.ts';
import { Scope } from '../../src/util/scope.ts';
import { qemu } from '../../src/vms/index.ts';
import { type BuiltImage, builtImage, removeBuiltImages } from './built-image.ts';

/** All checks on machines. */
export const checks: AnyCheck[] = [...guestChecks, ...clonesChecks, ...unseededChecks];
export const minutes = 60_000;
/** What machines need on the host, and planting defects in their disks. */
export const machineTools = ['qemu-system-x86_64', 'qemu-img', 'setpriv', 'ssh', 'ssh-keygen', 'debugfs', 'mcopy', 'sfdisk'];

/** What tests that boot a real image work with; `image` and `folder` are there while a test runs. */
export interface MachineBench {
  image: BuiltImage;
  folder: string;
  ctx: StepContext;
}

/** Registers the hooks that bring an image, once, and a folder and a context for each test, of which nothing may be left. */
export function machineBench(): MachineBench {
  const bench = {} as MachineBench;
  beforeAll(async () => {
    bench.image = await builtImage('debian-12-minimal');
  }, 15 * minutes);
  afterAll(async () => {
    await removeBuiltImages();
  });
  beforeEach(async () => {
    bench.folder = await mkdtemp(join(tmpdir(), 'boot-'));
    const [workdir, cacheDir] = [join(bench.folder, 'work'), join(bench.folder, 'cache')];
    await mkdir(workdir);
    const signal = new AbortController().signal;
    bench.ctx = { workdir, cacheDir, offline: true, force: false, signal, scope: new Scope(), emit: () => undefined };
  });
  afterEach(async () => {
    await bench.ctx.scope.close();
    expect(await readdir(bench.ctx.workdir)).toEqual([]);
    await rm(bench.folder, { recursive: true, force: true });
  });
  return bench;
}

/** The whole verification of an image, with all checks. */
export async function boot({ ctx, folder }: MachineBench, { disk, format, plan }: BuiltImage): Promise<BootReport> {
  const proof = await qemu.prove(ctx);
  return bootImage({ artifact: disk, format, plan, failureDir: join(folder, 'failures'), proof, host: qemu, checks }, ctx);
}

/** One machine. */
export async function startOne(
  { ctx, folder }: MachineBench,
  subject: BuiltImage,
  firmware: Firmware,
  seeded: boolean,
): Promise<Machine> {
  const { disk, format, plan } = subject;
  const request = {
    name: 'one',
    image: { path: disk, format },
    firmware,
    plan,
    acceleration: await qemu.prove(ctx),
    seeded,
    diskSize: plan.template.disk.size + 2 ** 31,
    memoryMiB: 1024,
    cpus: 1,
    failureDir: join(folder, 'failures'),
  };
  return qemu.start(request, ctx);
}

/** Why a machine does not boot, after making sure that what shows it was kept. */
export async function causeOf(bench: MachineBench, subject: BuiltImage, firmware: Firmware): Promise<string> {
  const machine = await startOne(bench, subject, firmware, false);
  const error = await machine.loginPrompt().then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  await machine.stop();
  expect(error).toMatchObject({ code: 'BOOT_FAILED' });
  for (const name of ['serial-one.log', 'screenshot-one.png']) {
    expect((await stat(join(bench.folder, 'failures', name))).size).toBeGreaterThan(100);
  }
  return (error as AppError).message;
}
