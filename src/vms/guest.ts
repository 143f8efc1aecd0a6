import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { AppError } from '../util/errors.ts';
import type { Guest, GuestOutside } from '../model/check.ts';
import type { MachineRequest } from '../model/machine.ts';
import { openSsh, shellQuote, type SshConnection } from '../clients/ssh.ts';
import { acceptsPassword, loginMethods, scanHostKeys, sshBanner } from '../clients/ssh-outside.ts';
import type { QemuProcess } from './qemu-process.ts';

const host = '127.0.0.1';
/** Emulated machines take seconds for what others do in milliseconds. */
const patience = { bannerMs: 20_000, commandMs: 300_000, retryMs: 1000 };
/** sshd answers before cloud-init has put the key in its place, for so long. */
const refusalsMs = 120_000;

/** What anybody sees of a machine. */
export function guestOutside(request: MachineRequest, qemu: QemuProcess): GuestOutside {
  const { sshPort: port, folder } = qemu;
  const address = (user: string) => ({ host, port, user, knownHosts: join(folder, 'known_hosts') });
  return {
    name: request.name,
    firmware: request.firmware,
    plan: request.plan,
    serialLog: () => qemu.console.text(),
    hostKeys: () => scanHostKeys(host, port, folder),
    loginMethods: (user) => loginMethods(address(user)),
    acceptsPassword: (user, password) => acceptsPassword(address(user), password, folder),
  };
}

/** Waits until something on the machine's port speaks SSH. Ends only with success or the signal. */
export async function waitForSsh(qemu: Pick<QemuProcess, 'sshPort'>, signal: AbortSignal): Promise<void> {
  while ((await sshBanner(host, qemu.sshPort, patience.bannerMs)) === undefined)
    await sleep(patience.retryMs, undefined, { signal });
}

/** Logs in, again and again while the machine is not ready or cloud-init still at work. @throws AppError BOOT_FAILED when the key stays refused */
export async function logIn(
  qemu: Pick<QemuProcess, 'sshPort' | 'folder'>,
  user: string,
  identity: string,
  signal: AbortSignal,
): Promise<SshConnection> {
  const address = { host, port: qemu.sshPort, user, identity, knownHosts: join(qemu.folder, 'known_hosts') };
  let refusedSince: number | undefined;
  for (;;) {
    await waitForSsh(qemu, signal);
    try {
      return await openSsh(address, qemu.folder, signal);
    } catch (error) {
      if (!(error instanceof AppError) || error.code !== 'COMMAND_FAILED') throw error;
      if (error.message.includes('Permission denied')) refusedSince ??= performance.now();
      const isChanged = error.message.includes('Host key verification failed');
      if (isChanged || performance.now() - (refusedSince ?? Number.POSITIVE_INFINITY) > refusalsMs) {
        throw new AppError('BOOT_FAILED', `the machine is up, but ${user} cannot log in with the seed's key: ${error.message}`, {
          cause: error,
        });
      }
      await sleep(patience.retryMs, undefined, { signal });
    }
  }
}

/** What a guest needs of its machine to log in anew after a restart. */
export interface GuestMachine {
  request: MachineRequest;
  qemu: QemuProcess;
  user: string;
  identity: string;
  signal: AbortSignal;
  /** Runs a wait under the watch for failed boots, beginning now. */
  watched<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T>;
}

/** Waits for a login and returns the machine as one who is logged in sees it. */
export async function openGuest(machine: GuestMachine): Promise<Guest & { close(): Promise<void> }> {
  const { qemu, user, identity } = machine;
  let ssh = await machine.watched((signal) => logIn(qemu, user, identity, signal));
  const run: Guest['run'] = (command) =>
    ssh.run(`sudo -n sh -c ${shellQuote(command)}`, { timeoutMs: patience.commandMs, signal: machine.signal });
  return {
    ...guestOutside(machine.request, qemu),
    user,
    run,
    reboot: async () => {
      const before = qemu.resets();
      ssh = await machine.watched(async (signal) => {
        // The connection may be gone before the command has answered.
        await run('systemctl reboot').catch(() => undefined);
        await ssh.close();
        while (qemu.resets() === before) await sleep(patience.retryMs, undefined, { signal });
        return logIn(qemu, user, identity, signal);
      });
    },
    close: () => ssh.close(),
  };
}
