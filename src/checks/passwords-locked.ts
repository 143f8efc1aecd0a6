import type { RootfsCheck } from '../model/check.ts';
import { readAccounts, readShadow } from './shared/accounts.ts';
import { failures } from './shared/all-files.ts';

export const passwordsLocked: RootfsCheck = {
  id: 'passwords-locked',
  title: 'No account has a password',
  on: 'rootfs',
  async run({ rootfs }) {
    const shadow = await readShadow(rootfs, '/etc/shadow');
    const faults: string[] = [];
    if (shadow.size === 0) faults.push('/etc/shadow is missing or empty');
    for (const [name, password] of shadow) {
      if (password === '') faults.push(`/etc/shadow lets ${name} in without a password`);
      else if (!/^[!*]/.test(password)) faults.push(`/etc/shadow has a password for ${name}`);
    }
    for (const { name, password } of await readAccounts(rootfs)) {
      if (password !== 'x' && !/^[!*]/.test(password))
        faults.push(`/etc/passwd has ${password === '' ? 'an empty password' : 'a password'} for ${name}`);
      else if (password === 'x' && !shadow.has(name)) faults.push(`/etc/shadow does not know ${name}`);
    }
    for (const [name, password] of await readShadow(rootfs, '/etc/gshadow')) {
      if (password !== '' && !/^[!*]/.test(password)) faults.push(`/etc/gshadow has a password for the group ${name}`);
    }
    return failures(faults);
  },
};
