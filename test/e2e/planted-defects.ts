import type { Plan } from '../../src/model/plan.ts';
import { bootFile, readBootMenu } from '../../src/disk/boot-menu.ts';
import { readInitramfs } from '../../src/checks/shared/initramfs.ts';
import type { Rootfs } from '../../src/model/check.ts';
import { archive } from './initramfs-archive.ts';
import type { Plant } from './planted-image.ts';

/** Defects to plant in a real image: how, which check must fail, and what its message must name. */
export interface PlantedDefect {
  check: string;
  plant: Plant;
  names: string;
  /** It is only a file more: any number of such defects can be in one image. */
  adds?: true;
  /** What differs in the plan that the check is given. */
  plan?: (plan: Plan) => Plan;
}

const file =
  (path: string, content: string | Buffer = 'x\n', meta: { mode?: number; uid?: number; gid?: number } = {}): Plant =>
  (image) =>
    image.file(path, content, meta);
const edit =
  (path: string, change: (text: string) => string): Plant =>
  (image) =>
    image.edit(path, change);
const append = (path: string, line: string): Plant => edit(path, (text) => `${text}${line}\n`);
const command =
  (...lines: string[]): Plant =>
  async (image) => {
    for (const line of lines) image.command(line);
    return Promise.resolve();
  };
const remove =
  (path: string): Plant =>
  (image) =>
    image.remove(path);

/** A file that is not allowed to exist. */
const there = (check: string, path: string, content?: string | Buffer): PlantedDefect => ({
  check,
  plant: file(path, content),
  names: path,
  adds: true,
});

/** A file with something in it that must not be anywhere; the words are put together here so that no scanner takes this file for a leak. */
const secret = (path: string, ...parts: string[]): PlantedDefect => ({
  check: 'secrets-absent',
  plant: file(path, parts.join('')),
  names: `${path} holds`,
  adds: true,
});

const grub = '/boot/grub/grub.cfg';
const status = '/var/lib/dpkg/status';
const key = 'c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3JldC1zZWNyZXQ';

/** The initramfs of the boot menu. */
async function initrdOf(rootfs: Rootfs): Promise<string> {
  const { entries } = await readBootMenu(rootfs);
  return bootFile(rootfs, entries[0]?.initrd ?? '');
}

/** The initramfs made again, uncompressed, with other files. */
const initramfs =
  (change: (files: Map<string, Buffer>) => void): Plant =>
  async (image) => {
    const path = await initrdOf(image.rootfs);
    const files = await readInitramfs(image.rootfs, path, AbortSignal.timeout(60_000));
    change(files);
    await image.file(path, archive(files));
  };

const withoutDriver = (module: string): Plant =>
  initramfs((files) => {
    for (const name of files.keys()) if (name.includes(`/${module}.ko`)) files.delete(name);
  });

export const plantedDefects: PlantedDefect[] = [
  there('host-keys-absent', '/etc/ssh/ssh_host_ed25519_key'),
  there('host-keys-absent', '/etc/ssh/ssh_host_rsa_key.pub'),
  there('host-keys-absent', '/root/backup/ssh_host_ecdsa_key'),

  {
    check: 'machine-id-empty',
    plant: file('/etc/machine-id', `${'0123456789abcdef'.repeat(2)}\n`),
    names: '/etc/machine-id holds an id',
  },
  { check: 'machine-id-empty', plant: remove('/etc/machine-id'), names: '/etc/machine-id is missing' },
  { check: 'machine-id-empty', plant: file('/etc/machine-id', '', { mode: 0o666 }), names: '/etc/machine-id can be written' },
  {
    check: 'machine-id-empty',
    plant: file('/var/lib/dbus/machine-id', `${'a'.repeat(32)}\n`),
    names: '/var/lib/dbus/machine-id',
  },
  there('machine-id-empty', '/etc/hostid'),

  there('random-seeds-absent', '/var/lib/systemd/random-seed'),
  there('random-seeds-absent', '/var/lib/systemd/credential.secret'),
  there('random-seeds-absent', '/boot/efi/loader/random-seed'),

  there('cloud-init-clean', '/var/lib/cloud/data/instance-id'),
  there('cloud-init-clean', '/var/lib/cloud/instances/i-1/sem/config_ssh'),
  there('cloud-init-clean', '/var/log/cloud-init-output.log', ''),
  there('cloud-init-clean', '/etc/cloud/cloud-init.disabled', ''),
  there('cloud-init-clean', '/etc/cloud/cloud.cfg.d/99-installer.cfg'),
  there('cloud-init-clean', '/etc/netplan/50-cloud-init.yaml'),

  {
    check: 'passwords-locked',
    plant: edit('/etc/shadow', (text) => text.replace(/^root:[^:]*/m, `root:$6$salt$${key}`)),
    names: '/etc/shadow has a password for root',
  },
  {
    check: 'passwords-locked',
    plant: edit('/etc/shadow', (text) => text.replace(/^daemon:[^:]*/m, 'daemon:')),
    names: '/etc/shadow lets daemon in',
  },
  {
    check: 'passwords-locked',
    plant: edit('/etc/passwd', (text) => text.replace(/^games:x/m, 'games:')),
    names: '/etc/passwd has an empty password for games',
  },
  {
    check: 'passwords-locked',
    plant: append('/etc/gshadow', `planted:$6$salt$${key}::`),
    names: '/etc/gshadow has a password for the group planted',
  },

  {
    check: 'no-build-user',
    plant: append('/etc/passwd', 'builder:x:1000:1000::/home/builder:/bin/bash'),
    names: '/etc/passwd has the user builder',
  },
  { check: 'no-build-user', plant: (image) => image.folder('/home/builder'), names: '/home/builder' },
  {
    check: 'no-build-user',
    plant: file('/etc/sudoers.d/90-builder', 'builder ALL=(ALL) NOPASSWD: ALL\n', { mode: 0o440 }),
    names: '/etc/sudoers.d/90-builder has rules for builder',
  },
  { check: 'no-build-user', plant: file('/etc/subuid', 'builder:100000:65536\n'), names: '/etc/subuid has a range for builder' },
  {
    check: 'no-build-user',
    plant: file('/var/spool/cron/crontabs/builder', '* * * * * true\n'),
    names: '/var/spool/cron/crontabs/builder',
  },

  there('ssh-folders-empty', '/root/.ssh/authorized_keys'),
  there('ssh-folders-empty', '/home/builder/.ssh/id_ed25519.pub'),
  there('ssh-folders-empty', '/root/.ssh/known_hosts'),

  there('histories-absent', '/root/.bash_history'),
  there('histories-absent', '/root/.viminfo'),
  there('histories-absent', '/root/.cache/pip/selfcheck.json'),

  there('logs-empty', '/var/log/dpkg.log'),
  there('logs-empty', '/var/log/syslog.1', ''),
  there('logs-empty', '/var/log/journal/0123/system.journal'),
  { check: 'logs-empty', plant: file('/var/log/wtmp', Buffer.alloc(384)), names: '/var/log/wtmp holds 384 bytes' },
  { check: 'logs-empty', plant: file('/var/log/apt/history.log', 'Start-Date\n'), names: '/var/log/apt/history.log' },

  there('package-caches-empty', '/var/lib/apt/lists/mirror.example_debian_dists_bookworm_InRelease'),
  there('package-caches-empty', '/var/cache/apt/archives/hello_2.10-3_amd64.deb'),
  there('package-caches-empty', '/var/cache/apt/pkgcache.bin'),

  { check: 'host-name-generic', plant: file('/etc/hostname', 'build-host-17\n'), names: 'build-host-17' },
  { check: 'host-name-generic', plant: append('/etc/hosts', '127.0.1.1 build-host-18'), names: 'build-host-18' },
  { check: 'host-name-generic', plant: append('/etc/hosts', '192.0.2.7 artifacts'), names: '/etc/hosts gives 192.0.2.7' },
  { check: 'host-name-generic', plant: file('/etc/resolv.conf', 'nameserver 192.0.2.53\n'), names: '/etc/resolv.conf' },

  there('network-names-generic', '/etc/udev/rules.d/70-persistent-net.rules'),
  {
    check: 'network-names-generic',
    plant: file('/etc/systemd/network/50-a.network', '[Match]\nMACAddress=52:54:00:12:34:56\n'),
    names: '/etc/systemd/network/50-a.network',
  },
  {
    check: 'network-names-generic',
    plant: file('/etc/netplan/01-a.yaml', 'network:\n  ethernets:\n    a:\n      match: {macaddress: "52:54:00:12:34:57"}\n'),
    names: '/etc/netplan/01-a.yaml',
  },
  {
    check: 'network-names-generic',
    plant: file('/etc/systemd/networkd.conf.d/duid.conf', '[DHCPv4]\nDUIDRawData=00:00:ab:11\n'),
    names: '/etc/systemd/networkd.conf.d/duid.conf',
  },

  there('dhcp-leases-absent', '/var/lib/dhcp/dhclient.ens3.leases'),
  there('dhcp-leases-absent', '/var/lib/NetworkManager/secret_key'),

  there('backups-absent', '/etc/shadow-'),
  there('backups-absent', '/etc/ssh/sshd_config.dpkg-old'),
  there('backups-absent', '/etc/default/grub~'),
  there('backups-absent', '/usr/sbin/policy-rc.d'),
  there('backups-absent', '/var/lib/systemd/coredump/core.sshd.0.zst'),
  {
    check: 'backups-absent',
    plant: file('/var/cache/debconf/passwords.dat', 'Name: x/password\n', { mode: 0o600 }),
    names: '/var/cache/debconf/passwords.dat',
  },

  there('temporary-folders-empty', '/tmp/provision.sh'),
  { check: 'temporary-folders-empty', plant: (image) => image.folder('/var/tmp/build'), names: '/var/tmp/build' },
  there('temporary-folders-empty', '/run/lock/build.lock'),

  { check: 'device-files-absent', plant: command('cd /dev', 'mknod sda b 8 0'), names: '/dev/sda' },
  { check: 'device-files-absent', plant: command('cd /usr/lib', 'mknod mem c 1 1'), names: '/usr/lib/mem' },

  { check: 'world-writable-absent', plant: command('sif /etc/profile mode 0100666'), names: '/etc/profile' },
  { check: 'world-writable-absent', plant: command('sif /opt mode 0040777'), names: '/opt' },
  { check: 'world-writable-absent', plant: command('sif /tmp mode 0040777'), names: '/tmp ' },

  { check: 'files-have-owners', plant: command('sif /etc/issue uid 1000'), names: '/etc/issue belongs to user 1000' },
  {
    check: 'files-have-owners',
    plant: file('/usr/local/bin/tool', '#!/bin/sh\n', { uid: 4242 }),
    names: '/usr/local/bin/tool belongs to user 4242',
  },
  {
    check: 'files-have-owners',
    plant: file('/usr/local/bin/other', '#!/bin/sh\n', { gid: 4243 }),
    names: '/usr/local/bin/other belongs to group 4243',
  },

  {
    check: 'file-capabilities-known',
    plant: command(
      String.raw`ea_set /usr/bin/env security.capability \001\000\000\002\200\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000`,
    ),
    names: '/usr/bin/env',
  },

  {
    check: 'root-identity',
    plant: edit('/etc/fstab', (text) => text.replace(/^\S+(\s+\/\s)/m, '/dev/sda1$1')),
    names: '/dev/sda1',
  },
  {
    check: 'root-identity',
    plant: edit('/etc/fstab', (text) => text.replace(/^\S+(\s+\/\s)/m, 'UUID=00000000-0000-4000-8000-000000000000$1')),
    names: '/etc/fstab names UUID=00000000',
  },
  {
    check: 'root-identity',
    plant: edit(grub, (text) => text.replace(/root=UUID=\S+/, 'root=UUID=11111111-0000-4000-8000-000000000000')),
    names: `${grub} starts Linux with root=UUID=11111111`,
  },
  {
    check: 'root-identity',
    plant: edit(grub, (text) => text.replace(/(search .*) \S+$/m, '$1 22222222-0000-4000-8000-000000000000')),
    names: `${grub} searches 22222222`,
  },
  { check: 'root-identity', plant: command('ssv uuid 00000000-0000-0000-0000-000000000000'), names: 'no UUID' },

  {
    check: 'storage-identity-absent',
    plant: file('/etc/iscsi/initiatorname.iscsi', 'InitiatorName=iqn.1993-08.org.debian:01:abc\n'),
    names: '/etc/iscsi/initiatorname.iscsi',
  },
  there('storage-identity-absent', '/etc/nvme/hostid'),
  there('storage-identity-absent', '/etc/lvm/devices/system.devices'),

  there('subscription-absent', '/etc/pki/consumer/cert.pem'),
  there('subscription-absent', '/var/lib/zypp/AnonymousUniqueId'),
  {
    check: 'selinux-labels',
    plant: file('/etc/selinux/config', 'SELINUX=enforcing\n'),
    names: '/etc/hostname has no SELinux label',
  },

  secret('/etc/app/deploy.key', '-----BEGIN OPENSSH ', 'PRIVATE KEY-----\n', key, key, '\n'),
  secret('/root/aws.sh', 'export AWS_ACCESS_KEY_ID=AK', 'IAQWERTYUIOPASDFGH\n'),
  secret('/usr/local/etc/github', 'token = gh', 'p_', 'a1B2'.repeat(9), '\n'),
  secret('/opt/hook.conf', 'xo', 'xb-123456789012-abcdefghij\n'),
  secret('/root/.netrc', 'machine mirror.example login me password hunter22\n'),
  secret('/root/.pgpass', 'db.example:5432:*:me:hunter22\n'),
  secret('/srv/users.csv', 'me:$', '6$saltsalt$', key, '\n'),
  secret('/root/.kube/config', 'users:\n- user:\n    client-key-data: ', key, '\n'),
  secret('/etc/environment.d/proxy.conf', 'http_proxy=http://me', ':hunter22@proxy.example:3128\n'),
  secret('/root/.aws/credentials', '[default]\n'),
  {
    check: 'secrets-absent',
    plant: append('/etc/apt/apt.conf.d/01autoremove', ['// https://me', 'hunter22@mirror.example/'].join(':')),
    names: '/etc/apt/apt.conf.d/01autoremove holds',
  },
  {
    check: 'secrets-absent',
    plant: append('/usr/share/perl5/Debconf/Log.pm', ['# gh', `p_${'c3D4'.repeat(9)}`].join('')),
    names: '/usr/share/perl5/Debconf/Log.pm holds a GitHub token',
  },

  {
    check: 'package-files-unchanged',
    plant: append('/usr/bin/which.debianutils', '# changed'),
    names: '/usr/bin/which.debianutils is not as the package debianutils',
  },
  { check: 'package-files-unchanged', plant: remove('/usr/bin/sudo'), names: '/usr/bin/sudo of the package sudo is missing' },
  {
    check: 'package-files-unchanged',
    plant: (image) => image.link('/usr/bin/wc', 'cat'),
    names: '/usr/bin/wc is not as the package coreutils',
  },

  {
    check: 'initramfs-drivers',
    plant: withoutDriver('virtio_blk'),
    names: 'virtio_blk',
  },
  {
    check: 'initramfs-drivers',
    plant: withoutDriver('vmw_pvscsi'),
    names: 'vmw_pvscsi',
  },
  {
    check: 'initramfs-drivers',
    plant: async (image) => image.file(await initrdOf(image.rootfs), 'this is no archive'),
    names: 'is not an initramfs',
  },

  {
    check: 'initramfs-generic',
    plant: initramfs((files) => files.set('etc/machine-id', Buffer.from('ab'.repeat(16)))),
    names: 'etc/machine-id',
  },
  {
    check: 'initramfs-generic',
    plant: initramfs((files) => files.set('etc/hostname', Buffer.from('build-host-19'))),
    names: 'build-host-19',
  },
  {
    check: 'initramfs-generic',
    plant: initramfs((files) => files.set('etc/dropbear/dropbear_rsa_host_key', Buffer.from('x'))),
    names: 'dropbear_rsa_host_key',
  },

  {
    check: 'kernel-arguments',
    plant: edit(grub, (text) => text.replace(/ console=ttyS0\S*/, '')),
    names: 'without console=ttyS0',
  },
  {
    check: 'kernel-arguments',
    plant: edit(grub, (text) => text.replace(/( console=ttyS0\S*)/, '$1 console=hvc0')),
    names: 'console=hvc0',
  },
  {
    check: 'kernel-arguments',
    plant: () => Promise.resolve(),
    plan: (plan) => ({ ...plan, template: { ...plan.template, kernelArguments: ['panic=7'] } }),
    names: 'without panic=7',
  },

  { check: 'boot-files-present', plant: remove(grub), names: grub },
  {
    check: 'boot-files-present',
    plant: async (image) => image.remove(await initrdOf(image.rootfs)),
    names: 'loads /initrd.img, which is missing',
  },
  {
    check: 'boot-files-present',
    plant: async (image) => image.file((await initrdOf(image.rootfs)).replace('initrd.img', 'vmlinuz'), 'x'.repeat(1024)),
    names: 'is not a Linux kernel',
  },

  {
    check: 'size-budget',
    plant: () => Promise.resolve(),
    plan: (plan) => ({ ...plan, template: { ...plan.template, sizeBudget: { root: 2 ** 20 } } }),
    names: '/usr/lib/modules',
  },

  {
    check: 'package-database-sane',
    plant: edit(status, (text) => text.replace('install ok installed', 'install ok half-configured')),
    names: 'half-configured',
  },
  {
    check: 'package-database-sane',
    plant: edit(status, (text) => text.replace(/^(Package: bash)$/m, '$1\nTriggers-Pending: ldconfig')),
    names: 'Triggers-Pending for bash',
  },
  { check: 'package-database-sane', plant: remove('/var/lib/dpkg/info/bash.list'), names: '/var/lib/dpkg/info/bash.list' },
  there('package-database-sane', '/var/lib/dpkg/updates/0001'),
  {
    check: 'package-database-sane',
    plant: file('/var/lib/dpkg/triggers/Unincorp', 'ldconfig -\n'),
    names: '/var/lib/dpkg/triggers/Unincorp',
  },

  {
    check: 'packages-as-locked',
    plant: edit(status, (text) => text.replace(/^(Package: bash\n[^]*?\nVersion: )\S+/m, '$1999')),
    names: 'bash has version 999',
  },
  {
    check: 'packages-as-locked',
    plant: append(status, 'Package: planted\nStatus: install ok installed\nArchitecture: all\nVersion: 1\n'),
    names: 'planted:all 1 is installed, but not in the lock',
  },

  {
    check: 'free-space-zero',
    plant: command('write /etc/passwd planted', 'rm planted'),
    names: 'free blocks of the root file system hold data',
  },
  {
    check: 'free-space-zero',
    plant: (image) => {
      image.bytes(40 * 1024, Buffer.from('left behind'));
      return Promise.resolve();
    },
    names: 'at byte 40960 of the disk',
  },
];
