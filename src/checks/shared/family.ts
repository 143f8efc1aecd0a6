import type { Rootfs } from '../../model/check.ts';
import type { Family } from '../../model/distro.ts';

const known = new WeakMap<Rootfs, Promise<Family>>();

/** What brings the packages of a system, by the word of its os-release; apt where it has none. */
export function familyOf(rootfs: Rootfs): Promise<Family> {
  const family = known.get(rootfs) ?? read(rootfs);
  known.set(rootfs, family);
  return family;
}

async function read(rootfs: Rootfs): Promise<Family> {
  const text = (await rootfs.readText('/usr/lib/os-release')) ?? (await rootfs.readText('/etc/os-release')) ?? '';
  const names = [...text.matchAll(/^ID(?:_LIKE)?="?([^"\n]*)"?$/gm)].flatMap(([, value = '']) => value.split(' '));
  if (names.includes('debian')) return 'apt';
  if (names.includes('suse')) return 'zypper';
  return names.includes('rhel') || names.includes('fedora') ? 'dnf' : 'apt';
}
