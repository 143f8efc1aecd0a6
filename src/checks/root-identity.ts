import type { RootfsCheck } from '../model/check.ts';
import { failures } from './shared/all-files.ts';
import { readBootMenu } from '../disk/boot-menu.ts';
import { statements } from './shared/config-text.ts';

export const rootIdentity: RootfsCheck = {
  id: 'root-identity',
  title: 'fstab and the boot menu name the root file system as it is',
  on: 'rootfs',
  async run({ rootfs }) {
    const { uuid, label } = await rootfs.info();
    const faults: string[] = [];
    if (/^[0-]*$/.test(uuid)) faults.push('the root file system has no UUID');
    const names = new Set([`UUID=${uuid}`, ...(label === '' ? [] : [`LABEL=${label}`])]);
    const roots = statements((await rootfs.readText('/etc/fstab')) ?? '')
      .map((line) => line.split(/\s+/))
      .filter(([, place]) => place === '/');
    if (roots.length !== 1) faults.push(`/etc/fstab has ${roots.length} lines for /`);
    for (const [device = ''] of roots) {
      if (!names.has(device.replaceAll('"', '')))
        faults.push(`/etc/fstab names ${device}, but the root file system is UUID=${uuid}`);
    }
    const { file, entries, searches } = await readBootMenu(rootfs);
    for (const { args } of entries) {
      const root = args.findLast((arg) => arg.startsWith('root='))?.slice('root='.length);
      if (root === undefined || !names.has(root))
        faults.push(`${file} starts Linux with root=${root ?? '(nothing)'}, but the root file system is UUID=${uuid}`);
    }
    for (const searched of searches)
      if (searched !== uuid) faults.push(`${file} searches ${searched}, but the root file system is ${uuid}`);
    return failures([...new Set(faults)]);
  },
};
