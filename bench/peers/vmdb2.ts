import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { hasPartitions, standInPath } from './partitions.ts';
import { mirrorOf, packageNames, type Peer, sourceLines } from './peer.ts';

export const vmdb2: Peer = {
  name: 'vmdb2',
  command: 'vmdb2',
  package: 'vmdb2',
  yields: (await hasPartitions()) ? 'raw, BIOS' : 'raw, no boot loader',
  async prepare({ lock, codename, folder }) {
    const partitions = await hasPartitions();
    const image = '{{ output }}';
    const steps = [
      { mkimg: image, size: '3G' },
      { mklabel: 'msdos', device: image },
      { mkpart: 'primary', device: image, start: '1MiB', end: '100%', tag: 'root' },
      { kpartx: image },
      { mkfs: 'ext4', partition: 'root' },
      { mount: 'root' },
      { debootstrap: codename, mirror: mirrorOf(lock, codename), target: 'root', variant: 'minbase' },
      { 'virtual-filesystems': 'root' },
      { 'create-file': '/etc/apt/sources.list', contents: `${sourceLines(lock).join('\n')}\n`, tag: 'root' },
      { apt: 'install', packages: packageNames(lock), tag: 'root', recommends: false },
      { fstab: 'root' },
      ...(partitions ? [{ grub: 'bios', tag: 'root' }] : []),
    ];
    const spec = join(folder, 'image.vmdb');
    // JSON is YAML.
    await writeFile(spec, JSON.stringify({ steps }));
    return {
      argv: ['vmdb2', spec, '--output', join(folder, 'disk.raw'), '--log', join(folder, 'log')],
      env: { TMPDIR: '/tmp', ...(partitions ? {} : { PATH: standInPath() }) },
    };
  },
};
