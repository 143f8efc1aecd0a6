import type { RootfsCheck } from '../model/check.ts';
import { failures } from './shared/all-files.ts';

export const freeSpaceZero: RootfsCheck = {
  id: 'free-space-zero',
  title: 'Free space is all zeros: nothing that was deleted can be read',
  on: 'rootfs',
  async run({ freeSpaceLeaks }, { signal }) {
    return freeSpaceLeaks
      ? failures(await freeSpaceLeaks(signal))
      : [{ status: 'skip', message: 'there is no disk, only files' }];
  },
};
