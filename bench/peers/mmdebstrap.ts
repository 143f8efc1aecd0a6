import { join } from 'node:path';
import { packageNames, type Peer, sourceLines } from './peer.ts';

/** Packages to a mere tar: no disk, no boot loader. The floor of the usual way, and what all others are measured by. */
export const mmdebstrap: Peer = {
  name: 'mmdebstrap',
  command: 'mmdebstrap',
  package: 'mmdebstrap',
  yields: 'tar',
  prepare: async ({ lock, codename, folder }) => ({
    argv: [
      'mmdebstrap',
      '--variant=essential',
      `--include=${packageNames(lock).join(',')}`,
      codename,
      join(folder, 'root.tar'),
      ...sourceLines(lock),
    ],
    env: { TMPDIR: folder },
  }),
};
