import type { RootfsCheck } from '../model/check.ts';
import { AppError } from '../util/errors.ts';
import { failures } from './shared/all-files.ts';
import { bootFile, readBootMenu } from '../disk/boot-menu.ts';
import { readInitramfs } from './shared/initramfs.ts';
import { secretsIn } from './shared/secrets.ts';

const keyFiles = /(^|\/)(ssh_host_.*|dropbear_.*_host_key|authorized_keys|.*\.key|keyfile.*|random-seed|crypttab)$/;

export const initramfsGeneric: RootfsCheck = {
  id: 'initramfs-generic',
  title: 'The initramfs holds no identity, no host name and no key',
  on: 'rootfs',
  async run({ rootfs }, { signal }) {
    const { entries } = await readBootMenu(rootfs);
    const faults: string[] = [];
    for (const initrd of new Set(entries.flatMap((entry) => entry.initrd ?? []))) {
      const path = await bootFile(rootfs, initrd);
      // What is no initramfs at all is for initramfs-drivers to say.
      const files = await readInitramfs(rootfs, path, signal).catch((error: unknown) => {
        if (error instanceof AppError && error.code === 'IMAGE_INVALID') return new Map<string, Buffer>();
        throw error;
      });
      for (const [name, bytes] of files) {
        const text = bytes.length < 4096 ? bytes.toString('utf8').trim() : '';
        if (name === 'etc/machine-id' && text !== '' && text !== 'uninitialized')
          faults.push(`${path} holds a machine-id in ${name}`);
        if (name === 'etc/hostname' && text !== '' && text !== 'localhost')
          faults.push(`${path} holds the host name "${text}" in ${name}`);
        if (keyFiles.test(name) && bytes.length > 0) faults.push(`${path} holds ${name}`);
        if (/^(conf|etc|root)\//.test(name))
          for (const { rule } of secretsIn(name, bytes)) faults.push(`${path} holds ${rule} in ${name}`);
      }
    }
    return failures(faults);
  },
};
