import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { hasPartitions } from './partitions.ts';
import { mirrorOf, packageNames, type Peer } from './peer.ts';

/** Version 14, which Debian 12 has. */
export const mkosi: Peer = {
  name: 'mkosi',
  command: 'mkosi',
  package: 'mkosi',
  yields: (await hasPartitions()) ? 'raw, UEFI' : 'tar',
  async prepare({ lock, codename, folder }) {
    // It names the host of security updates by itself; what lies in a skeleton tree wins.
    const skeleton = join(folder, 'skeleton');
    const sources = join(skeleton, 'etc/apt/sources.list.d');
    await mkdir(sources, { recursive: true });
    const security = `${codename}-security`;
    await writeFile(join(sources, `${security}.list`), `deb ${mirrorOf(lock, security)} ${security} main\n`);
    const disk = (await hasPartitions())
      ? ['--format=gpt_ext4', '--bootable', '--root-size=3G', '--esp-size=256M', '--hostonly-initrd=no']
      : ['--format=tar', '--compress-output=no'];
    return {
      argv: [
        'mkosi',
        '--force',
        '--distribution=debian',
        `--release=${codename}`,
        `--mirror=${mirrorOf(lock, codename)}`,
        ...disk,
        '--with-docs=yes',
        `--skeleton-tree=${skeleton}`,
        `--package=${packageNames(lock).join(',')}`,
        `--output=${join(folder, 'image')}`,
        `--workspace-dir=${folder}`,
        'build',
      ],
      env: { TMPDIR: '/tmp' },
    };
  },
};
