import type { Arch, PlatformId } from './platform.ts';

/** A release of a distribution: facts only. */
export interface Release {
  /** `12` */
  id: string;
  /** `bookworm` */
  codename: string;
  /** `Debian 12 "bookworm"` */
  title: string;
  /** ISO dates. `full`: the end of regular support; `lts`: of all free support. */
  endOfLife: { full: string; lts: string };
}

/** A package repository of the distribution, by the name of its mirror (`debian`, `debian-security`) in the configuration. */
export interface DistroRepository {
  id: string;
  mirror: string;
  suite: string;
  components: string[];
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
  id: string;
  title: string;
  family: 'debian';
  releases: Release[];
  bootstrap(release: Release, request: BootstrapRequest): BootstrapFacts;
}

/** Finds a release by its number or codename. */
export function findRelease(distro: Distro, name: string): Release | undefined {
  return distro.releases.find((release) => release.id === name || release.codename === name);
}
