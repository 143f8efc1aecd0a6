import { randomUUID } from 'node:crypto';
import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { BuildMachine, BuildMachineRequest } from '../model/machine.ts';
import type { StepContext } from '../model/step.ts';
import { AppError } from '../util/errors.ts';
import { Scope } from '../util/scope.ts';
import { firmwareArguments } from './firmware.ts';
import { logIn } from './guest.ts';
import { logDescriptor, monitorDescriptor, optionValue, randomMac, serialDescriptor } from './qemu-arguments.ts';
import { runQemu } from './qemu-process.ts';
import { diskActivity, keepEvidence } from './start-machine.ts';
import { bootLimits, type Watched, whileWatching } from './watch-boot.ts';

/**
 * Starts a machine whose disk is kept. With a kernel of its own it ends instead of restarting, so that what it installed is started on
 * purpose. @throws AppError BOOT_FAILED when QEMU does not start, TOOL_MISSING
 */
export async function startBuildMachine(request: BuildMachineRequest, ctx: StepContext): Promise<BuildMachine> {
  const own = new Scope();
  ctx.scope.defer(() => own.close());
  const folder = join(ctx.workdir, `machine-${request.name}`);
  await rm(folder, { recursive: true, force: true });
  own.defer(() => rm(folder, { recursive: true, force: true }));
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const firmware = await firmwareArguments(request.firmware, join(folder, 'variables.fd'));
  ctx.signal.throwIfAborted();
  const qemu = await runQemu(buildMachineArguments(request, firmware), folder, own);
  const watched: Watched = {
    console: qemu.console,
    mark: 0,
    ended: () => qemu.ended(),
    diskActivity: () => diskActivity(qemu),
    resets: () => qemu.resets(),
  };
  const evidence = (): Promise<string[]> => keepEvidence(request, qemu);
  return {
    console: qemu.console,
    log: qemu.log,
    ended: () => qemu.ended(),
    diskActivity: () => diskActivity(qemu),
    busySeconds: () => busySeconds(qemu.pid),
    keepEvidence: evidence,
    async login(identity) {
      try {
        const limits = bootLimits[request.acceleration.accelerator];
        const ssh = await whileWatching(watched, limits, ctx.signal, (signal) => logIn(qemu, 'root', identity, signal));
        own.defer(() => ssh.close());
        return ssh;
      } catch (error) {
        if (!(error instanceof AppError) || error.code !== 'BOOT_FAILED') throw error;
        throw new AppError('BOOT_FAILED', error.message, { cause: error, details: { files: await evidence() } });
      }
    },
    async poweredOff(timeoutMs) {
      const end = performance.now() + timeoutMs;
      while (qemu.ended() === undefined) {
        if (performance.now() > end)
          throw new AppError('TIMEOUT', `${request.name} did not switch itself off within ${timeoutMs / 1000} s`);
        await sleep(200, undefined, { signal: ctx.signal });
      }
    },
    stop: () => own.close(),
  };
}

/** Of all threads of a process, as the scheduler counts them: nanoseconds on a processor, and in the queue for one. 0 when it is gone. */
async function busySeconds(pid: number): Promise<number> {
  const threads = await readdir(`/proc/${pid}/task`).catch(() => [] as string[]);
  const texts = await Promise.all(threads.map((id) => readFile(`/proc/${pid}/task/${id}/schedstat`, 'utf8').catch(() => '')));
  const nanoseconds = texts.map((text) => {
    const [running = 0, waiting = 0] = text.split(' ').map(Number);
    return running + waiting;
  });
  return nanoseconds.reduce((sum, value) => sum + value, 0) / 1e9;
}

/** The command line: a disk, drives, two serial ports, and a network that leads out and, by a port on 127.0.0.1, in. */
function buildMachineArguments(request: BuildMachineRequest, firmware: string[]): string[] {
  const { disk, discs, kernel } = request;
  const uuid = randomUUID();
  const serial = (id: string, descriptor: number): string[] => [
    '-chardev',
    `socket,id=${id},fd=${descriptor}`,
    '-serial',
    `chardev:${id}`,
  ];
  const drive = (id: string, options: string, path: string): string[] => [
    '-drive',
    `if=none,id=${id},${options},file=${optionValue(path)}`,
  ];
  return [
    ['setpriv', '--pdeathsig', 'KILL', 'qemu-system-x86_64', '-name', request.name, '-machine', 'q35,graphics=off'],
    request.acceleration.accelerator === 'kvm'
      ? ['-accel', 'kvm', '-cpu', 'host']
      : ['-accel', 'tcg,thread=multi', '-cpu', 'max'],
    ['-smp', String(request.cpus), '-m', String(request.memoryMiB)],
    firmware,
    ['-nodefaults', '-no-user-config', '-display', 'none', '-vga', 'std', '-uuid', uuid],
    ['-chardev', `socket,id=monitor,fd=${monitorDescriptor}`, '-mon', 'chardev=monitor,mode=control'],
    serial('serial', serialDescriptor),
    serial('log', logDescriptor),
    ['-object', 'rng-random,id=rng,filename=/dev/urandom', '-device', 'virtio-rng-pci,rng=rng'],
    // Zeros and what is discarded take no space. 0 is the place of a kernel that is started directly.
    drive('disk', `format=${disk.format},cache=unsafe,discard=unmap,detect-zeroes=unmap`, disk.path),
    ['-device', 'virtio-blk-pci,drive=disk,bootindex=1', '-device', 'virtio-scsi-pci,id=drives'],
    // SCSI, as some kernels of clouds know no ATA. UEFI's firmware looks only at what has a place in the order: behind the disk.
    discs.flatMap((path, index) =>
      drive(`disc${index}`, 'format=raw,readonly=on', path).concat(
        '-device',
        `scsi-cd,bus=drives.0,drive=disc${index},bootindex=${index + 2}`,
      ),
    ),
    // An installer ends with the machine; what is installed may restart as it likes.
    kernel === undefined ? [] : ['-no-reboot', '-kernel', kernel.path, '-initrd', kernel.initrd, '-append', kernel.arguments],
    ['-netdev', 'user,id=network,hostfwd=tcp:127.0.0.1:0-:22'],
    ['-device', `virtio-net-pci,netdev=network,mac=${randomMac()},romfile=`],
  ].flat();
}
