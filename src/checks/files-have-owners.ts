import type { RootfsCheck } from '../model/check.ts';
import { isPerson, readAccounts, readGroups } from './shared/accounts.ts';
import { allFiles, failures } from './shared/all-files.ts';

export const filesHaveOwners: RootfsCheck = {
  id: 'files-have-owners',
  title: 'Every file belongs to an account and a group of the system',
  on: 'rootfs',
  async run({ rootfs }) {
    const users = new Set((await readAccounts(rootfs)).map(({ uid }) => uid));
    const groups = new Set((await readGroups(rootfs)).map(({ gid }) => gid));
    return failures(
      (await allFiles(rootfs)).flatMap(({ path, uid, gid }) => {
        if (!users.has(uid) || isPerson(uid)) return [`${path} belongs to user ${uid}`];
        return !groups.has(gid) || isPerson(gid) ? [`${path} belongs to group ${gid}`] : [];
      }),
    );
  },
};
