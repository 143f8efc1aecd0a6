import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileSource } from '../../disk/file-source.ts';
import { openIso9660 } from '../../disk/iso9660.ts';
import type { Installer } from '../../model/installer.ts';
import { AppError } from '../../util/errors.ts';

/** What is started of an installer. */
export interface BootFiles {
  kernel: string;
  initrd: string;
  volumeId: string;
}

/** Copies kernel and initial ramdisk out of a medium. @throws AppError IMAGE_INVALID when it is one of another installer */
export async function bootFilesOf(iso: string, installer: Installer, folder: string): Promise<BootFiles> {
  await using source = await fileSource(iso);
  const medium = await openIso9660(source);
  const copy = async (path: string, name: string): Promise<string> => {
    const bytes = await medium.readFile(path);
    if (!bytes)
      throw new AppError('IMAGE_INVALID', `${iso} (${medium.volumeId}) has no ${path}: it is not a medium of ${installer.kind}`, {
        hint: '"gabarit inspect" tells what it is.',
      });
    const to = join(folder, name);
    await writeFile(to, bytes);
    return to;
  };
  return {
    kernel: await copy(installer.boot.kernel, 'installer-kernel'),
    initrd: await copy(installer.boot.initrd, 'installer-initrd'),
    volumeId: medium.volumeId,
  };
}
