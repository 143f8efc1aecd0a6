import type { RootfsCheck } from '../model/check.ts';
import { allFiles, failures } from './shared/all-files.ts';

/** Programs that Debian gives capabilities. */
const allowed = new Set([
  '/usr/bin/ping',
  '/usr/bin/mtr-packet',
  '/usr/bin/fping',
  '/usr/bin/dumpcap',
  '/usr/bin/newuidmap',
  '/usr/bin/newgidmap',
]);

export const fileCapabilitiesKnown: RootfsCheck = {
  id: 'file-capabilities-known',
  title: 'Only known programs have capabilities',
  on: 'rootfs',
  async run({ rootfs }) {
    const faults: string[] = [];
    for (const { path, type } of await allFiles(rootfs)) {
      if (type !== 'file') continue;
      const capability = (await rootfs.xattrs(path))['security.capability'];
      const merged = path.startsWith('/usr/') ? path : `/usr${path}`;
      if (capability && !allowed.has(merged)) faults.push(`${path} has capabilities (${capability.toString('hex')})`);
    }
    return failures(faults);
  },
};
