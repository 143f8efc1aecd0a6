import type { RootfsCheck } from '../model/check.ts';
import { failures } from './shared/all-files.ts';
import { statements } from './shared/config-text.ts';

/** Files that provisioning writes on every such system. Where SELinux does not run, they get no label. */
const witnesses = ['/etc/hostname', '/etc/cloud/cloud.cfg.d/90-gabarit.cfg'];

export const selinuxLabels: RootfsCheck = {
  id: 'selinux-labels',
  title: 'Where SELinux is on, files have labels, or the first boot sets them',
  on: 'rootfs',
  async run({ rootfs }) {
    const mode = statements((await rootfs.readText('/etc/selinux/config')) ?? '').findLast((line) => line.startsWith('SELINUX='));
    if (mode !== 'SELINUX=enforcing' && mode !== 'SELINUX=permissive') return [];
    if (await rootfs.stat('/.autorelabel')) return [];
    const unlabelled: string[] = [];
    for (const path of witnesses) {
      if ((await rootfs.stat(path)) && !('security.selinux' in (await rootfs.xattrs(path)))) unlabelled.push(path);
    }
    return failures(unlabelled.map((path) => `${path} has no SELinux label, and /.autorelabel does not ask for one`));
  },
};
