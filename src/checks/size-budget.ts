import type { Rootfs, RootfsCheck } from '../model/check.ts';
import { formatSize } from '../model/size.ts';
import { allFiles, failures } from './shared/all-files.ts';

export const sizeBudget: RootfsCheck = {
  id: 'size-budget',
  title: 'The image is not larger than its template allows',
  on: 'rootfs',
  async run({ rootfs, plan, artifacts }) {
    const { artifact, root } = plan.template.sizeBudget;
    const { used } = await rootfs.info();
    const faults: string[] = [];
    if (root !== undefined && used > root)
      faults.push(
        `the root file system takes ${formatSize(used)} of ${formatSize(root)}; the largest folders: ${await largest(rootfs)}`,
      );
    const qcow2 = artifacts['qcow2'];
    if (artifact !== undefined && qcow2 !== undefined && qcow2 > artifact)
      faults.push(
        `disk.qcow2 has ${formatSize(qcow2)} of ${formatSize(artifact)}; the largest folders: ${await largest(rootfs)}`,
      );
    return failures(faults);
  },
};

/** The six largest folders three levels deep, with their sizes. */
async function largest(rootfs: Rootfs): Promise<string> {
  const sizes = new Map<string, number>();
  for (const { path, type, size } of await allFiles(rootfs)) {
    const folder = path.split('/').slice(0, 4).join('/');
    if (type === 'file') sizes.set(folder, (sizes.get(folder) ?? 0) + size);
  }
  const top = [...sizes].toSorted(([, a], [, b]) => b - a).slice(0, 6);
  return top.map(([folder, size]) => `${folder} ${formatSize(size)}`).join(', ');
}
