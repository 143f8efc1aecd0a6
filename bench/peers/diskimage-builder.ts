import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { hasPartitions } from './partitions.ts';
import { mirrorOf, packageNames, type Peer, sourceLines } from './peer.ts';

export const diskimageBuilder: Peer = {
  name: 'diskimage-builder',
  command: 'disk-image-create',
  package: 'python3-diskimage-builder',
  yields: (await hasPartitions()) ? 'qcow2, BIOS' : 'qcow2, no boot loader',
  async prepare({ lock, codename, folder }) {
    const work = join(folder, 'work');
    await mkdir(work);
    const elements = (await hasPartitions()) ? ['vm', 'block-device-mbr', 'debian-minimal'] : ['debian-minimal'];
    return {
      argv: [
        'disk-image-create',
        '-n',
        '-a',
        'amd64',
        '-t',
        'qcow2',
        '-o',
        join(folder, 'disk'),
        '--image-cache',
        join(folder, 'cache'),
        '-p',
        packageNames(lock).join(','),
        ...elements,
      ],
      env: {
        TMPDIR: '/tmp',
        TMP_DIR: work,
        DIB_RELEASE: codename,
        DIB_DISTRIBUTION_MIRROR: mirrorOf(lock, codename),
        DIB_APT_SOURCES_CONF: sourceLines(lock)
          .map((line, index) => `source${index}:${line}`)
          .join('\n'),
      },
    };
  },
};
