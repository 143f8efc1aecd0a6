import type { Finding, Rootfs, RootfsCheck } from '../model/check.ts';
import { platforms } from '../model/platform.ts';
import { AppError } from '../util/errors.ts';
import { failures } from './shared/all-files.ts';
import { bootFile, readBootMenu } from '../disk/boot-menu.ts';
import { readInitramfs } from './shared/initramfs.ts';

/** Drivers that the small kernel may lack: a machine of that platform has another way to its disk. */
const optionalInCloud = new Set(['ahci', 'ata_piix', 'mptspi', 'sr_mod', 'nvme', 'sd_mod', 'virtio_scsi']);

export const initramfsDrivers: RootfsCheck = {
  id: 'initramfs-drivers',
  title: "The initramfs has the drivers for disks and networks of the template's platforms",
  on: 'rootfs',
  async run({ rootfs, plan }, { signal }) {
    const needed = [...new Set(plan.template.platforms.flatMap((id) => platforms[id].initramfsModules))];
    const findings: Finding[] = [];
    const { file, entries } = await readBootMenu(rootfs);
    if (entries.length === 0) return failures([`${file} is missing or starts nothing`]);
    for (const initrd of new Set(entries.flatMap((entry) => entry.initrd ?? []))) {
      const path = await bootFile(rootfs, initrd);
      const version = /(?:initrd\.img|initrd|initramfs)-(.+?)(?:\.img)?$/.exec(path)?.[1] ?? '';
      try {
        const present = new Set(
          [...(await readInitramfs(rootfs, path, signal)).keys()].flatMap((name) => moduleName(name) ?? []),
        );
        const kernel = await kernelModules(rootfs, version);
        for (const module of needed) {
          if (present.has(module) || kernel.builtIn.has(module)) continue;
          if (plan.template.kernel === 'cloud' && optionalInCloud.has(module) && !kernel.loadable.has(module)) continue;
          const reason = kernel.loadable.has(module) ? '' : `; the kernel ${version} does not have it at all`;
          findings.push(...failures([`${path} lacks the driver ${module}${reason}`]));
        }
      } catch (error) {
        if (!(error instanceof AppError) || error.code !== 'IMAGE_INVALID') throw error;
        findings.push(...failures([error.message]));
      }
    }
    return findings;
  },
};

/** `virtio_blk` of `kernel/drivers/block/virtio_blk.ko.xz`; undefined for what is no module. */
function moduleName(path: string): string | undefined {
  return /([^/]+)\.ko(\.(xz|gz|zst))?$/.exec(path)?.[1]?.replaceAll('-', '_');
}

async function kernelModules(rootfs: Rootfs, version: string): Promise<{ builtIn: Set<string>; loadable: Set<string> }> {
  const names = async (list: string): Promise<Set<string>> => {
    const text = (await rootfs.readText(`/usr/lib/modules/${version}/${list}`)) ?? '';
    return new Set(text.split('\n').flatMap((line) => moduleName(line.split(':')[0] ?? '') ?? []));
  };
  return { builtIn: await names('modules.builtin'), loadable: await names('modules.dep') };
}
