import { randomBytes } from 'node:crypto';
import { copyFile, mkdir, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { AppError } from '../util/errors.ts';
import type { Machine, MachineRequest } from '../model/machine.ts';
import type { StepContext } from '../model/step.ts';
import { makeSshKey } from '../clients/ssh.ts';
import { guestOutside, openGuest, waitForSsh } from './guest.ts';
import { noCloudSeed } from './nocloud-seed.ts';
import { type QemuProcess, startQemu } from './qemu-process.ts';
import { bootLimits, type Watched, whileWatching } from './watch-boot.ts';

export async function diskActivity(qemu: QemuProcess): Promise<number> {
  if (qemu.ended() !== undefined) return 0;
  const devices = (await qemu.qmp.execute('query-blockstats').catch(() => [])) as {
    device?: string;
    stats?: { rd_bytes: number; wr_bytes: number };
  }[];
  return devices.reduce((sum, { stats }) => sum + (stats ? stats.rd_bytes + stats.wr_bytes : 0), 0);
}

/** Keeps what tells why a machine failed; returns the paths. What cannot be kept must not hide the failure itself. */
export async function keepEvidence(
  { failureDir, name }: Pick<MachineRequest, 'failureDir' | 'name'>,
  qemu: QemuProcess,
): Promise<string[]> {
  await mkdir(failureDir, { recursive: true });
  const serial = join(resolve(failureDir), `serial-${name}.log`);
  const screenshot = join(resolve(failureDir), `screenshot-${name}.png`);
  const kept: string[] = [];
  await copyFile(qemu.serialFile, serial).then(
    () => kept.push(serial),
    () => undefined,
  );
  if (qemu.log.length() > 0) {
    const log = join(resolve(failureDir), `log-${name}.log`);
    await copyFile(qemu.logFile, log).then(
      () => kept.push(log),
      () => undefined,
    );
  }
  await qemu.qmp.execute('screendump', { filename: screenshot, format: 'png' }).then(
    () => kept.push(screenshot),
    () => undefined,
  );
  return kept;
}

/** Starts a throwaway machine on a disk of its own over the image. @throws AppError BOOT_FAILED when QEMU does not start, TOOL_MISSING */
export async function startMachine(request: MachineRequest, ctx: StepContext): Promise<Machine> {
  const identity = join(ctx.workdir, `key-${request.name}-${randomBytes(4).toString('hex')}`);
  const user = request.plan.template.users.default ?? request.plan.template.distro;
  ctx.scope.defer(() => Promise.all([identity, `${identity}.pub`].map((path) => rm(path, { force: true }))));
  const seed = request.seeded
    ? noCloudSeed({
        instanceId: `verify-${request.name}-${randomBytes(4).toString('hex')}`,
        hostname: request.name,
        publicKey: await makeSshKey(identity, 'gabarit-verify'),
        ...(request.plan.template.users.sudo === 'nopasswd' ? {} : { sudoFor: user }),
      })
    : undefined;
  const qemu = await startQemu(request, seed, ctx);

  const watched = async <T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> => {
    const resetsBefore = qemu.resets();
    const machine: Watched = {
      console: qemu.console,
      mark: qemu.console.length(),
      ended: () => qemu.ended(),
      diskActivity: () => diskActivity(qemu),
      resets: () => qemu.resets() - resetsBefore,
    };
    try {
      return await whileWatching(machine, bootLimits[request.acceleration.accelerator], ctx.signal, work);
    } catch (error) {
      if (!(error instanceof AppError) || error.code !== 'BOOT_FAILED') throw error;
      const files = await keepEvidence(request, qemu);
      throw new AppError('BOOT_FAILED', error.message, { cause: error.cause, details: { ...error.details, files } });
    }
  };

  let closeGuest = async (): Promise<void> => undefined;
  return {
    name: request.name,
    firmware: request.firmware,
    login: async () => {
      if (!request.seeded) throw new TypeError(`Nobody can log in to ${request.name}: it has no seed`);
      const guest = await openGuest({ request, qemu, user, identity, signal: ctx.signal, watched });
      closeGuest = () => guest.close();
      ctx.scope.defer(closeGuest);
      return guest;
    },
    loginPrompt: () =>
      watched(async (signal) => {
        while (!/login: *$/.test(qemu.console.text())) await sleep(500, undefined, { signal });
        await waitForSsh(qemu, signal);
        return guestOutside(request, qemu);
      }),
    stop: async () => {
      await closeGuest();
      await qemu.stop();
    },
  };
}
