import type { RootfsCheck } from '../model/check.ts';
import { failures } from './shared/all-files.ts';
import { installedPackages } from './shared/packages.ts';

export const packagesAsLocked: RootfsCheck = {
  id: 'packages-as-locked',
  title: 'The packages are those of the lock, each in its exact version',
  on: 'rootfs',
  async run({ rootfs, plan }) {
    if (plan.medium) return [{ status: 'skip', message: `the packages are those of ${plan.medium.url}, which has no lock` }];
    const installed = new Map(
      (await installedPackages(rootfs)).map(({ name, architecture, version }) => [`${name}:${architecture}`, version]),
    );
    const faults: string[] = [];
    for (const { name, architecture, version, role } of plan.lock.packages) {
      if (role !== 'image') continue;
      const found = installed.get(`${name}:${architecture}`);
      installed.delete(`${name}:${architecture}`);
      if (found === undefined) faults.push(`${name} ${version} of the lock is not installed`);
      else if (found !== version) faults.push(`${name} has version ${found} instead of ${version}`);
    }
    const scripts = plan.provisioning.some(({ kind }) => kind === 'script');
    const extra = [...installed].map(([name, version]) => `${name} ${version} is installed, but not in the lock`);
    // A script of the template's own may install what it needs.
    return scripts
      ? [...failures(faults), ...extra.map((message) => ({ status: 'warn' as const, message }))]
      : failures([...faults, ...extra]);
  },
};
