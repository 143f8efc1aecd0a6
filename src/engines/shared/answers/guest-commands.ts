import { shellQuote } from '../../../clients/ssh.ts';
import type { AnswersRequest } from './answers.ts';

/** Shell commands that installers of every kind run, each one line. */

/** Tells the build how far it is; never a reason to fail. `wget` is what Debian's installer has, `curl` what the others have. */
export function phoneHome(request: AnswersRequest, stage: string, client: 'wget' | 'curl'): string[] {
  if (request.phoneHome === undefined) return [];
  const url = shellQuote(`${request.phoneHome}/${stage}`);
  return [client === 'wget' ? `wget -q -O /dev/null ${url} || true` : `curl -s -m 10 -o /dev/null ${url} || true`];
}

/** Sends the installer's log to a device for as long as it runs. */
export function sendLog({ logDevice }: AnswersRequest, log: string): string[] {
  return logDevice === undefined ? [] : [`setsid tail -n +1 -F ${log} >${shellQuote(logDevice)} 2>/dev/null </dev/null &`];
}

/**
 * The same in Debian's installer, which waits for everything that its commands start: there, its init runs what sends the log.
 * `logDevice` is a terminal: `/dev/ttyS1`.
 */
export function sendLogByInit({ logDevice }: AnswersRequest, log: string): string[] {
  if (logDevice === undefined) return [];
  const line = `${logDevice.replace(/^\/dev\//, '')}::respawn:/usr/bin/tail -n +1 -f ${log}`;
  return [`echo ${shellQuote(line)} >>/etc/inittab`, 'kill -HUP 1'];
}

/** Lets the build log in as root by its key. `root` is the installed system's root folder, empty inside it. */
export function allowBuildKey({ publicKey }: AnswersRequest, root: string): string[] {
  return [
    `mkdir -p -m 0700 ${root}/root/.ssh`,
    `printf '%s\\n' ${shellQuote(publicKey)} >${root}/root/.ssh/authorized_keys`,
    `chmod 0600 ${root}/root/.ssh/authorized_keys`,
  ];
}

/** Runs inside the installed system: the BIOS's boot loader on the disk that holds /, for one that was installed by UEFI. */
export function installBiosLoader(command: 'grub-install' | 'grub2-install'): string {
  return `${command} --target=i386-pc "/dev/$(lsblk -no PKNAME "$(findmnt -nvo SOURCE /)")"`;
}
