import { stringify } from 'yaml';
import { iso9660 } from '../../disk/iso9660-writer.ts';
import { buildAccess } from '../shared/provision-over-ssh.ts';

/** A NoCloud seed that lets the build in as root by its key, and makes nobody else. */
export function buildSeed(publicKey: string, instanceId: string): Buffer {
  const userData = {
    users: [],
    disable_root: false,
    ssh_pwauth: false,
    ssh_authorized_keys: [publicKey],
    // Before the SSH server starts. Of several settings the first counts, and this file comes first.
    bootcmd: [['sh', '-c', `mkdir -p "\${1%/*}" && printf 'PermitRootLogin prohibit-password\\n' >"$1"`, 'sh', buildAccess]],
    package_update: false,
    package_upgrade: false,
  };
  return iso9660('cidata', {
    'meta-data': stringify({ 'instance-id': instanceId, 'local-hostname': 'build' }),
    'user-data': `#cloud-config\n${stringify(userData)}`,
  });
}
