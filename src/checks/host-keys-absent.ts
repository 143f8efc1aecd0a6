import { absentCheck } from './shared/all-files.ts';

export const hostKeysAbsent = absentCheck(
  'host-keys-absent',
  'The image holds no SSH host keys: each machine makes its own',
  [/^\/etc\/ssh\/ssh_host_/, /\/ssh_host_[^/]*key(\.pub)?$/, /^\/etc\/dropbear(-initramfs)?\/.*_host_key$/],
  'would be the same on every machine',
);
