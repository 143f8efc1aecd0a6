import { type RpmDatabase, readRpmDatabase } from '../disk/rpm-database.ts';
import type { Finding, RootfsCheck } from '../model/check.ts';
import { failures } from './shared/all-files.ts';
import { databaseName, installedPackages } from './shared/packages.ts';

export const packageDatabaseSane: RootfsCheck = {
  id: 'package-database-sane',
  title: 'Every package is installed and configured, and nothing waits',
  on: 'rootfs',
  async run({ rootfs }) {
    const rpm = await readRpmDatabase(rootfs);
    if (rpm) return rpmFindings(rpm);
    const packages = await installedPackages(rootfs);
    const faults = packages.length === 0 ? ['/var/lib/dpkg/status is missing or empty'] : [];
    for (const item of packages) {
      const { name, status, fields } = item;
      if (!/^(install|hold) ok installed$/.test(status)) faults.push(`/var/lib/dpkg/status has ${name} as "${status}"`);
      for (const field of ['Triggers-Pending', 'Triggers-Awaited', 'Config-Version']) {
        if (fields.has(field)) faults.push(`/var/lib/dpkg/status has ${field} for ${name}`);
      }
      if ((await databaseName(rootfs, item)) === undefined) faults.push(`/var/lib/dpkg/info/${name}.list is missing`);
    }
    for (const name of await rootfs.list('/var/lib/dpkg/updates'))
      faults.push(`/var/lib/dpkg/updates/${name} is left from an interrupted dpkg`);
    const waiting = await rootfs.stat('/var/lib/dpkg/triggers/Unincorp');
    if (waiting && waiting.size > 0) faults.push('/var/lib/dpkg/triggers/Unincorp holds triggers that were not run');
    return failures(faults);
  },
};

/** rpm knows no half-installed state: it is enough that its database can be read, and names every package once, kernels aside. */
function rpmFindings({ file, packages, unknown }: RpmDatabase): Finding[] {
  if (unknown !== undefined) {
    const isTool = unknown.includes('not installed here');
    return [{ status: isTool ? 'skip' : 'fail', message: unknown }];
  }
  const seen = new Map<string, string>();
  const faults = packages.length === 0 ? [`${file} names no package`] : [];
  for (const { name, version, architecture } of packages) {
    const key = `${name}.${architecture}`;
    const other = seen.get(key);
    // Several kernels may be there; of all others, two versions are what an interrupted upgrade leaves.
    if (other !== undefined && !/^kernel(-|$)|^gpg-pubkey$/.test(name))
      faults.push(`${file} has ${key} twice: ${other} and ${version}`);
    seen.set(key, version);
  }
  return failures(faults);
}
