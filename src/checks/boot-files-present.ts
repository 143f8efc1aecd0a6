import type { RootfsCheck } from '../model/check.ts';
import { failures } from './shared/all-files.ts';
import { bootFile, readBootMenu } from '../disk/boot-menu.ts';

/** Where a Linux kernel says that it is one: the boot protocol's header. */
const kernelMagic = { offset: 0x202, text: 'HdrS' };

export const bootFilesPresent: RootfsCheck = {
  id: 'boot-files-present',
  title: 'The kernel and the initramfs of the boot menu exist, with the modules of that kernel',
  on: 'rootfs',
  async run({ rootfs }) {
    const { file, entries } = await readBootMenu(rootfs);
    const faults = entries.length === 0 ? [`${file} is missing or starts nothing`] : [];
    for (const { kernel, initrd } of entries) {
      const image = await rootfs.readFile(kernel);
      if (!image || image.length === 0) faults.push(`${file} starts ${kernel}, which is missing or empty`);
      else if (image.toString('latin1', kernelMagic.offset, kernelMagic.offset + 4) !== kernelMagic.text)
        faults.push(`${kernel} is not a Linux kernel`);
      if (initrd === undefined) faults.push(`${file} starts ${kernel} without an initramfs`);
      else if (((await rootfs.readFile(initrd))?.length ?? 0) === 0)
        faults.push(`${file} loads ${initrd}, which is missing or empty`);
      const version = /\/vmlinuz-(.+)$/.exec(await bootFile(rootfs, kernel))?.[1];
      if (version !== undefined && (await rootfs.list(`/usr/lib/modules/${version}/kernel`)).length === 0)
        faults.push(`/usr/lib/modules/${version} has no modules for ${kernel}`);
    }
    return failures([...new Set(faults)]);
  },
};
