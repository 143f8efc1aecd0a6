import type { Built } from './engine.ts';
import type { Arch } from './platform.ts';
import type { Plan } from './plan.ts';

/** What a machine made from an image looks like: what disk formats do not say, and formats of whole machines (OVA, XVA) do. */
export interface VmDescription {
  /** `debian-12` */
  name: string;
  description: string;
  /** `20261123.1`; empty when nobody gave one. */
  version: string;
  /** What it was made from, `sha256:…`: the plan in a build, the image in a deployment. Empty when it is not known. */
  digest: string;
  /** Seconds since 1970, for time stamps: the same input gives the same file. */
  time: number;
  arch: Arch;
  /** What the disk can be started by. */
  firmware: 'bios' | 'uefi' | 'both';
  /** Whether the firmware must refuse what is not signed: UEFI only. */
  secureBoot: boolean;
  cpus: number;
  memory: { recommendedMiB: number; minimumMiB: number };
  /** `Debian 12 "bookworm"`, `debian`, `12`; `other` and empty when it is not known. */
  os: { title: string; family: string; release: string };
  /** Whether it appears as something to make machines from, not as a machine. */
  isTemplate: boolean;
  /** The networks that its cards are on, by the target's own names, one card each. Absent: one card on the network that the platform usually has. */
  networks?: readonly string[];
  /** More to write on the machine and its disks, where the target has a place for it: who made them, and in which run. */
  marks?: Readonly<Record<string, string>>;
  /** Words to find it by, instead of the usual ones. */
  tags?: readonly string[];
}

/** What is said where nobody says otherwise. */
export const defaultMachine = { cpus: 2, memory: { recommendedMiB: 2048, minimumMiB: 512 } } as const;

/** The machine of an image that was built from a plan. */
export function describeVm(plan: Plan, { sourceDateEpoch }: Pick<Built, 'sourceDateEpoch'>, version: string): VmDescription {
  const { template, release } = plan;
  return {
    name: template.name,
    description: template.description,
    version,
    digest: plan.id,
    time: sourceDateEpoch,
    arch: plan.arch,
    firmware: template.disk.firmware,
    secureBoot: false,
    ...defaultMachine,
    os: { title: release.title, family: template.distro, release: release.id },
    isTemplate: true,
  };
}

/** What is known of the machine in a file that is only a disk; the rest is what fits most. */
export function describeDisk(known: Partial<VmDescription> & { name: string }): VmDescription {
  return {
    description: '',
    version: '',
    digest: '',
    time: 0,
    arch: 'amd64',
    firmware: 'both',
    secureBoot: false,
    ...defaultMachine,
    os: { title: '', family: 'other', release: '' },
    isTemplate: true,
    ...known,
  };
}

/**
 * The firmware that a machine is given. Where a disk starts by both, BIOS: every host and every version of it has one.
 * Secure Boot is a matter of UEFI.
 */
export function firmwareOf({ firmware, secureBoot }: Pick<VmDescription, 'firmware' | 'secureBoot'>): 'bios' | 'uefi' {
  return firmware === 'uefi' || secureBoot ? 'uefi' : 'bios';
}
