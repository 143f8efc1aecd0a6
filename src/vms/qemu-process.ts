import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { AppError } from '../util/errors.ts';
import { exec, killGroup, start } from '../util/exec.ts';
import { Scope } from '../util/scope.ts';
import { openQmp, type Qmp } from '../clients/qmp.ts';
import type { MachineRequest } from '../model/machine.ts';
import type { StepContext } from '../model/step.ts';
import { firmwareArguments } from './firmware.ts';
import { logDescriptor, monitorDescriptor, qemuArguments, serialDescriptor } from './qemu-arguments.ts';
import { recordSerial, type SerialConsole } from './serial-console.ts';

/** A QEMU that runs, with a folder of its own. */
export interface QemuProcess {
  folder: string;
  pid: number;
  qmp: Qmp;
  console: SerialConsole;
  serialFile: string;
  /** The second serial port, of machines that have one. */
  log: SerialConsole;
  logFile: string;
  /** On 127.0.0.1, and leads to the machine's port 22. */
  sshPort: number;
  /** Says why QEMU is gone, once it is. */
  ended(): string | undefined;
  resets(): number;
  stop(): Promise<void>;
}

/** From QEMU's table: `TCP[HOST_FORWARD]  12  127.0.0.1 40213  10.0.2.15 22`. */
async function forwardedPort(qmp: Qmp): Promise<number> {
  const table = String(await qmp.execute('human-monitor-command', { 'command-line': 'info usernet' }));
  const port = /TCP\[HOST_FORWARD\]\s+\S+\s+127\.0\.0\.1\s+(\d+)/.exec(table)?.[1];
  if (port === undefined) throw new AppError('BOOT_FAILED', `QEMU has not opened a port for SSH: ${table}`);
  return Number(port);
}

async function makeOverlay({ image, diskSize }: MachineRequest, overlay: string, signal: AbortSignal): Promise<void> {
  const argv = ['qemu-img', 'create', '-q', '-f', 'qcow2', '-F', image.format, '-b', image.path, overlay, String(diskSize)];
  await exec(argv, { signal, errorCode: 'IMAGE_INVALID', what: `Opening ${image.path} as ${image.format}` });
}

/**
 * Starts QEMU for a machine, its seed being a file or undefined. Everything of it is gone after `stop`, which also happens at
 * the end of the context's scope. @throws AppError BOOT_FAILED when QEMU does not start, TOOL_MISSING
 */
export async function startQemu(request: MachineRequest, seed: Buffer | undefined, ctx: StepContext): Promise<QemuProcess> {
  const own = new Scope();
  const stop = (): Promise<void> => own.close();
  ctx.scope.defer(stop);
  const folder = join(ctx.workdir, `machine-${request.name}`);
  await rm(folder, { recursive: true, force: true });
  own.defer(() => rm(folder, { recursive: true, force: true }));
  await mkdir(folder, { recursive: true, mode: 0o700 });

  const overlay = join(folder, 'disk.qcow2');
  await makeOverlay(request, overlay, ctx.signal);
  const seedFile = seed && join(folder, 'seed.iso');
  if (seed && seedFile) await writeFile(seedFile, seed);
  const firmware = await firmwareArguments(request.firmware, join(folder, 'variables.fd'));
  if (request.consoleDir !== undefined) {
    const screen = join(request.consoleDir, `${request.name}.vnc`);
    await mkdir(request.consoleDir, { recursive: true, mode: 0o700 });
    own.defer(() => rm(screen, { force: true }));
  }

  ctx.signal.throwIfAborted();
  return runQemu(qemuArguments(request, overlay, seedFile, firmware), folder, own);
}

/**
 * Runs QEMU with a folder of its own; it ends, and its files are complete, when the scope closes. Its monitor and serial ports are the
 * descriptors that the arguments name. @throws AppError BOOT_FAILED when it does not start
 */
export async function runQemu(argv: string[], folder: string, own: Scope): Promise<QemuProcess> {
  const stop = (): Promise<void> => own.close();
  const child = start(argv, { cwd: folder, stdio: ['ignore', 'ignore', 'pipe', 'pipe', 'pipe', 'pipe'] });
  own.defer(() => killGroup(child));
  let said = '';
  let ended: string | undefined;
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-4000);
  });
  child.once('error', (error) => {
    ended = `QEMU did not start: ${error.message}`;
  });
  child.once('close', (code, signal) => {
    ended ??= `QEMU ended (${signal ?? `exit code ${code}`})${said === '' ? '' : `: ${said.trim().split('\n').at(-1)}`}`;
  });
  await writeFile(join(folder, 'pid'), `${child.pid}\n`);

  const sockets = child.stdio as readonly unknown[];
  const serialFile = join(folder, 'serial.log');
  const console = recordSerial(sockets[serialDescriptor] as Duplex, serialFile);
  const logFile = join(folder, 'log.log');
  const log = recordSerial(sockets[logDescriptor] as Duplex, logFile);
  own.defer(() => Promise.all([console.closed, log.closed]));
  own.defer(() => killGroup(child));
  try {
    const qmp = await openQmp(sockets[monitorDescriptor] as Duplex);
    let resets = 0;
    qmp.onEvent((name) => {
      if (name === 'RESET') resets += 1;
    });
    const sshPort = await forwardedPort(qmp);
    return {
      folder,
      pid: child.pid ?? 0,
      qmp,
      console,
      serialFile,
      log,
      logFile,
      sshPort,
      ended: () => ended,
      resets: () => resets,
      stop,
    };
  } catch (error) {
    await killGroup(child);
    throw new AppError(
      'BOOT_FAILED',
      said.trim() === '' ? String(error) : `QEMU did not start: ${said.trim().split('\n').at(-1)}`,
      { cause: error },
    );
  }
}
