import type { KeyPackage } from '../../model/vendor-file.ts';

/** Debian's packages of vendors' keys, version 1.119 and 2023.11.28.1: what they hold was compared with the fingerprints in the facts. */

const where = 'Debian 13 has it; Debian 12 in bookworm-backports';

/** `rocky/RPM-GPG-KEY-Rocky-9`: keys of RPM-based distributions, as the makers of mock collect them. */
export function distributionKey(path: string): KeyPackage {
  return { path: `/usr/share/distribution-gpg-keys/${path}`, package: 'distribution-gpg-keys', where };
}

/** `ubuntu-archive-keyring` */
export function ubuntuKey(name: string): KeyPackage {
  return { path: `/usr/share/keyrings/${name}.gpg`, package: 'ubuntu-keyring', where: `Ubuntu and ${where}` };
}
