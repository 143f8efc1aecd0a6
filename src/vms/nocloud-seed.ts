import { stringify } from 'yaml';
import { iso9660 } from '../disk/iso9660-writer.ts';

export interface Seed {
  instanceId: string;
  hostname: string;
  /** The public key that the default user gets. */
  publicKey: string;
  /** Set when the image does not let its default user become root without a password: then the seed does, for this machine. */
  sudoFor?: string;
}

/** A disk for cloud-init's NoCloud data source: who the machine is, and one key for its default user. */
export function noCloudSeed({ instanceId, hostname, publicKey, sudoFor }: Seed): Buffer {
  const sudoers =
    sudoFor === undefined
      ? []
      : [{ path: '/etc/sudoers.d/zz-verify', permissions: '0440', content: `${sudoFor} ALL=(ALL) NOPASSWD:ALL\n` }];
  const userData = { ssh_authorized_keys: [publicKey], ...(sudoers.length > 0 ? { write_files: sudoers } : {}) };
  return iso9660('cidata', {
    'meta-data': stringify({ 'instance-id': instanceId, 'local-hostname': hostname }),
    'user-data': `#cloud-config\n${stringify(userData)}`,
  });
}
