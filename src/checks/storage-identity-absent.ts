import type { RootfsCheck } from '../model/check.ts';
import { absentCheck, failures } from './shared/all-files.ts';
import { statements } from './shared/config-text.ts';

const files = absentCheck(
  'storage-identity-absent',
  'No name of a machine towards its storage is stored (iSCSI, NVMe, LVM, multipath)',
  [
    /^\/etc\/nvme\/host(id|nqn)$/,
    /^\/etc\/lvm\/(devices\/system\.devices|(backup|archive)\/.)/,
    /^\/etc\/multipath\/(bindings|wwids)$/,
    /^\/(etc|run\/blkid)\/blkid\.tab/,
    /^\/etc\/zfs\/zpool\.cache$/,
    /^\/var\/lib\/iscsi\/(nodes|send_targets|ifaces)\/./,
  ],
  'belongs to one machine',
);

export const storageIdentityAbsent: RootfsCheck = {
  ...files,
  async run(subject, ctx) {
    const path = '/etc/iscsi/initiatorname.iscsi';
    // The package's own file asks for a name to be made.
    const names = statements((await subject.rootfs.readText(path)) ?? '').filter((line) => line.startsWith('InitiatorName='));
    return [...failures(names.map(() => `${path} holds the name of one machine`)), ...(await files.run(subject, ctx))];
  },
};
