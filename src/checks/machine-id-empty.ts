import type { RootfsCheck } from '../model/check.ts';
import { failures } from './shared/all-files.ts';

/** Empty is best: without the file systemd takes the machine for a factory reset and enables services by its presets. */
export const machineIdEmpty: RootfsCheck = {
  id: 'machine-id-empty',
  title: 'The machine-id is there and empty: each machine gets its own at first boot',
  on: 'rootfs',
  async run({ rootfs }) {
    const faults: string[] = [];
    const path = '/etc/machine-id';
    const stat = await rootfs.stat(path);
    if (stat?.type !== 'file') faults.push(`${path} is ${stat ? `a ${stat.type}` : 'missing'}`);
    else {
      const text = stat.size > 64 ? '?' : ((await rootfs.readText(path)) ?? '');
      if (text !== '' && text.trim() !== 'uninitialized') faults.push(`${path} holds an id`);
      if (stat.uid !== 0 || (stat.mode & 0o022) !== 0)
        faults.push(`${path} can be written by others (mode ${stat.mode.toString(8)})`);
    }
    const dbus = '/var/lib/dbus/machine-id';
    const dbusStat = await rootfs.stat(dbus);
    if (dbusStat && dbusStat.type !== 'symlink') faults.push(`${dbus} is a copy of a machine-id`);
    if (await rootfs.stat('/etc/hostid')) faults.push('/etc/hostid holds an id');
    return failures(faults);
  },
};
