import type { RootfsCheck } from '../model/check.ts';
import { absentCheck, failures } from './shared/all-files.ts';

const backups = absentCheck(
  'backups-absent',
  'No backups, crash files or blocks on services are left',
  [
    /^\/etc\/(passwd|shadow|group|gshadow|subuid|subgid)-$/,
    /^\/etc\/.*(~|\.(dpkg-(old|dist|new|tmp|bak)|ucf-(old|dist|new)|bak|save|rpmsave|rpmnew|rpmorig|sw[op]))$/,
    /^\/etc\/\.pwd\.lock\../,
    /^\/var\/(lib\/dpkg|cache\/debconf)\/[^/]*-old$/,
    /^\/var\/backups\/./,
    /^\/var\/(crash|lib\/systemd\/coredump)\/./,
    /^\/(core|vmcore)(\.\d+)?$/,
    /^\/usr\/sbin\/policy-rc\.d$/,
  ],
  'is left from the build',
);

export const backupsAbsent: RootfsCheck = {
  ...backups,
  async run(subject, ctx) {
    const passwords = await subject.rootfs.stat('/var/cache/debconf/passwords.dat');
    const faults =
      passwords && passwords.size > 0 ? ['/var/cache/debconf/passwords.dat holds answers to password questions'] : [];
    return [...failures(faults), ...(await backups.run(subject, ctx))];
  },
};
