import type { Rootfs, RootfsCheck } from '../model/check.ts';
import { isPerson, readAccounts, readGroups } from './shared/accounts.ts';
import { failures } from './shared/all-files.ts';
import { statements } from './shared/config-text.ts';

export const noBuildUser: RootfsCheck = {
  id: 'no-build-user',
  title: 'No person has an account: users are made at first boot',
  on: 'rootfs',
  async run({ rootfs }) {
    const accounts = await readAccounts(rootfs);
    const names = new Set(accounts.map(({ name }) => name));
    const faults = [
      ...accounts.filter(({ uid }) => isPerson(uid)).map(({ name, uid }) => `/etc/passwd has the user ${name} (${uid})`),
      ...(await readGroups(rootfs))
        .filter(({ gid }) => isPerson(gid))
        .map(({ name, gid }) => `/etc/group has the group ${name} (${gid})`),
      ...(await rootfs.list('/home')).map((name) => `/home/${name} is somebody's home`),
      ...(await sudoUsers(rootfs))
        .filter(({ user }) => !names.has(user))
        .map(({ file, user }) => `${file} has rules for ${user}, who does not exist`),
    ];
    for (const file of ['/etc/subuid', '/etc/subgid']) {
      for (const line of statements((await rootfs.readText(file)) ?? ''))
        faults.push(`${file} has a range for ${line.split(':')[0]}`);
    }
    for (const folder of ['/var/mail', '/var/spool/cron/crontabs', '/var/lib/systemd/linger']) {
      for (const name of await rootfs.list(folder)) faults.push(`${folder}/${name} belongs to a user`);
    }
    return failures(faults);
  },
};

/** Users that sudo has rules for, other than groups, aliases and ids. */
async function sudoUsers(rootfs: Rootfs): Promise<{ file: string; user: string }[]> {
  const files = ['/etc/sudoers', ...(await rootfs.list('/etc/sudoers.d')).map((name) => `/etc/sudoers.d/${name}`)];
  const found: { file: string; user: string }[] = [];
  for (const file of files) {
    for (const line of statements((await rootfs.readText(file)) ?? '')) {
      const user = /^([a-z_][a-z0-9_-]*)\s.*=/.exec(line)?.[1];
      if (user !== undefined) found.push({ file, user });
    }
  }
  return found;
}
