import type { Installer } from './installer.ts';
import type { Arch, PlatformId } from './platform.ts';
import type { CloudImage, VendorFile } from './vendor-file.ts';

/** How packages are installed, and where their database lies: dpkg's or rpm's. */
export const families = ['apt', 'dnf', 'zypper'] as const;
export type Family = (typeof families)[number];

/** A release of a distribution: facts only. */
export interface Release {
  /** `12`, `24.04` */
  id: string;
  /** `bookworm`; the id again where the vendor gives none. */
  codename: string;
  /** `Debian 12 "bookworm"` */
  title: string;
  /** ISO dates. `full`: the end of regular support; `lts`: of all support that costs nothing, and of any where all of it is paid. */
  endOfLife: { full: string; lts: string };
  /** What installs it, and how that takes answers. */
  installer: Installer;
  /** Installation media that the vendor publishes for all to fetch; none where a subscription is needed. */
  media: VendorFile[];
  cloudImages: CloudImage[];
  guest: GuestFacts;
}

/** A package repository of the distribution, by the name of its mirror (`debian`, `debian-security`) in the configuration. */
export interface DistroRepository {
  id: string;
  mirror: string;
  suite: string;
  components: string[];
}

/** What a provisioning step or a check needs, by its use. */
export const packageUses = ['cloud-init', 'grow-root', 'ssh', 'sudo', 'time-sync', 'initramfs', 'boot-menu'] as const;
export type PackageUse = (typeof packageUses)[number];

/** A guest agent: its packages and its unit. */
export interface GuestAgent {
  packages: string[];
  unit: string;
  /** The repository that has it, where the distribution's own have not: `EPEL`. */
  repository?: string;
}

/** What an installed system of this release is made of. */
export interface GuestFacts {
  packages: Record<PackageUse, string[]>;
  /** The kernel's packages. Releases without a smaller kernel for clouds have no `cloud`; `cloudLacks` tells why it does not serve a platform. */
  kernel: { full: string[]; cloud?: string[]; cloudLacks?: Partial<Record<PlatformId, string>> };
  /** Names of systemd units, without `.service`. */
  units: { ssh: string; timeSync: string };
  initramfs: 'initramfs-tools' | 'dracut';
  network: 'netplan' | 'NetworkManager' | 'wicked';
  selinux: boolean;
  /** Absent where the distribution has no agent for the platform. */
  agents: Partial<Record<PlatformId, GuestAgent>>;
  /** Modules of `platforms` that the release's full kernel has not: dropped by the vendor, or built in. */
  absentModules: string[];
  /** The user of the vendor's own cloud images. */
  cloudUser: string;
}

export interface BootstrapRequest {
  arch: Arch;
  kernel: 'full' | 'cloud';
  set: 'standard' | 'minimal';
  platforms: PlatformId[];
  firmware: 'bios' | 'uefi' | 'both';
}

/** What the bootstrap engine needs to know of a release. */
export interface BootstrapFacts {
  repositories: DistroRepository[];
  /** The file of signing keys on the build host, and the package that brings it. */
  keyring: { path: string; package: string };
  /** Names for `apt-get install`, in addition to all packages marked Essential. */
  packages: string[];
  /** Packages that are unpacked beside the image to make its disk, where they are not part of it. */
  tools: string[];
  /** Whether its GRUB reads an ext4 that has its checksum seed apart from its UUID. Without, the file system has no checksums. */
  checksumSeed: boolean;
  /** Globs of dpkg's `path-exclude`, in a minimal image. */
  pathExcludes: string[];
}

export interface Distro {
  /** `debian`: as a template names it. */
  id: string;
  title: string;
  /** `ID` of its os-release. */
  osReleaseId: string;
  family: Family;
  /** Architectures by our name, with the vendor's. */
  arches: Partial<Record<Arch, string>>;
  /** What must be had before: a sentence. Absent where everything is free to fetch. */
  subscription?: string;
  /** The oldest first. */
  releases: Release[];
  /** Absent where no disk can be made from its packages alone. */
  bootstrap?(release: Release, request: BootstrapRequest): BootstrapFacts;
}

/** Finds a release by its number or codename. YAML reads 16.0 without quotes as the number 16. */
export function findRelease(distro: Distro, name: string): Release | undefined {
  return distro.releases.find(({ id, codename }) => id === name || codename === name || id === `${name}.0`);
}
