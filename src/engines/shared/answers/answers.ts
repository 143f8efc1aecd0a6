import type { InstallerKind } from '../../../model/installer.ts';
import type { Arch } from '../../../model/platform.ts';
import type { Template } from '../../../model/template.ts';

/** What an unattended installation is told, from a definition, whatever the installer. */

/** Those that answers are rendered for. */
export const answeredInstallers = ['debian-installer', 'subiquity', 'anaconda', 'autoyast'] as const satisfies InstallerKind[];
export type AnsweredInstaller = (typeof answeredInstallers)[number];

export interface AnswersRequest {
  installer: AnsweredInstaller;
  template: Template;
  release: { id: string; codename: string };
  arch: Arch;
  /** Base URL of the distribution's packages, and of its security updates. Absent: what the medium brings. */
  mirror?: string | undefined;
  securityMirror?: string | undefined;
  /** Names of packages to install, beside the SSH server, which is always there. */
  packages: readonly string[];
  /** The package of the kernel; absent: the installer's choice. */
  kernelPackage?: string;
  /** `/dev/vda`; absent: the first disk that the installer finds. */
  disk?: string;
  /** The build's public key. Login is as root by this key alone: there is no password, and the seal step removes it. */
  publicKey: string;
  /** Called as the installation goes: `<url>/answers`, `/partitioning`, `/installed`. Absent: nobody. */
  phoneHome?: string;
  /** A device of the installer that gets its log, line by line: `/dev/ttyS1`. Absent: none. */
  logDevice?: string;
  /** What the machine does when it is done. */
  end: 'poweroff' | 'reboot';
  /** The installed system's kernel arguments. */
  kernelArguments: readonly string[];
}

export interface AnswerFile {
  /** `preseed.cfg`, at the root of whatever brings it. */
  name: string;
  text: string;
}

/** Where an installer looks for answers by itself: its initial ramdisk, or a volume of this name. */
export type Delivery = { by: 'initrd' } | { by: 'volume'; label: 'cidata' | 'OEMDRV' };

export interface Answers {
  files: AnswerFile[];
  delivery: Delivery;
  /** For the command line of the installer's own kernel. */
  kernelArguments: string[];
}

/** The firmware that a machine is installed under. A disk for both is installed by UEFI, and gets the BIOS's boot loader afterwards. */
export function installedBy(firmware: Template['disk']['firmware']): 'bios' | 'uefi' {
  return firmware === 'bios' ? 'bios' : 'uefi';
}

export const mebibyte = 2 ** 20;

/** Boot partitions and one root partition, which is last and grows: the layout `flat`. MiB; the root gets the rest. */
export function bootPartitions(firmware: Template['disk']['firmware']): { biosMiB: number; efiMiB: number } {
  return { biosMiB: firmware === 'uefi' ? 0 : 1, efiMiB: firmware === 'bios' ? 0 : 128 };
}
