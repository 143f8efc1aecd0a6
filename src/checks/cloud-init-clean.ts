import type { RootfsCheck } from '../model/check.ts';
import { allFiles, failures } from './shared/all-files.ts';

const state = [/^\/var\/lib\/cloud\/./, /^\/run\/cloud-init(\/|$)/, /^\/var\/log\/cloud-init/];
const leftovers = [
  /^\/etc\/cloud\/cloud-init\.disabled$/,
  /^\/etc\/cloud\/cloud\.cfg\.d\/(90-installer.*|99-installer\.cfg|.*subiquity.*|curtin-.*|90_dpkg\.cfg)$/,
  /^\/etc\/netplan\/(50-cloud-init|00-installer-config)\.yaml$/,
  /^\/etc\/network\/interfaces\.d\/50-cloud-init/,
  /^\/etc\/systemd\/network\/(10|50)-cloud-init-/,
  /^\/etc\/NetworkManager\/(system-connections\/cloud-init-|conf\.d\/.*cloud-init)/,
  /^\/etc\/sudoers\.d\/90-cloud-init-users$/,
  /^\/etc\/ssh\/sshd_config\.d\/50-cloud-init\.conf$/,
];

export const cloudInitClean: RootfsCheck = {
  id: 'cloud-init-clean',
  title: 'cloud-init has never run: the first boot is a first boot',
  on: 'rootfs',
  async run({ rootfs }) {
    const faults: string[] = [];
    for (const { path, type } of await allFiles(rootfs)) {
      // Folders that the package brings are no state.
      if (state.some((pattern) => pattern.test(path)) && type !== 'directory') faults.push(`${path} is left from a boot`);
      if (/^\/var\/lib\/cloud\/(instance|instances\/.+)$/.test(path) && type === 'directory')
        faults.push(`${path} is left from a boot`);
      if (leftovers.some((pattern) => pattern.test(path))) faults.push(`${path} is left from a boot or an installer`);
    }
    return failures(faults);
  },
};
