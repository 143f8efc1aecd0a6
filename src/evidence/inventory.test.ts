import { describe, expect, it } from 'vitest';
import type { FileStat, Rootfs } from '../model/check.ts';
import { diffInventories, type Inventory, inventorySchema, isEmptyDiff } from '../model/inventory.ts';
import { takeInventory } from './inventory.ts';

/** A tree in memory: content by path; `-> target` is a link, a number before a colon the mode. */
function treeOf(files: Record<string, string>): Rootfs {
  const link = (path: string): string | undefined => /^-> (.*)/.exec(files[path] ?? '')?.[1];
  const names = (folder: string): string[] => [
    ...new Set(
      Object.keys(files).flatMap((path) =>
        path.startsWith(`${folder}/`) ? [path.slice(folder.length + 1).split('/')[0] ?? ''] : [],
      ),
    ),
  ];
  const statOf = (path: string): FileStat => {
    const [, mode, content = ''] = /^(?:(\d{4}):)?([^]*)$/.exec(files[path] ?? '') ?? [];
    const type = link(path) === undefined ? 'file' : 'symlink';
    const inode = Number(/inode (\d+)/.exec(content)?.[1] ?? path.length * 1000 + Object.keys(files).indexOf(path));
    const links = content.startsWith('inode') ? 2 : 1;
    return { path, type, mode: Number.parseInt(mode ?? '0644', 8), uid: 0, gid: 0, size: content.length, mtime: 0, links, inode };
  };
  return {
    stat: async (path) => (path in files ? statOf(path) : undefined),
    list: async (path) => names(path).toSorted(),
    readFile: async (path) => (path in files ? Buffer.from(files[path] ?? '') : undefined),
    readText: async (path) => files[path],
    readLink: async (path) => link(path),
    xattrs: async () => ({}),
    async *walk() {
      for (const path of Object.keys(files)) yield statOf(path);
    },
    info: async () => ({ uuid: '', label: '', size: 0, used: 0 }),
  };
}

const status = (packages: [string, string, string?][]): string =>
  packages
    .map(
      ([name, version, state = 'install ok installed']) =>
        `Package: ${name}\nStatus: ${state}\nArchitecture: amd64\nVersion: ${version}\n`,
    )
    .join('\n');

const before: Record<string, string> = {
  '/var/lib/dpkg/status': status([
    ['bash', '5.2'],
    ['openssl', '3.0'],
    ['telnet', '1', 'deinstall ok config-files'],
  ]),
  '/etc/passwd':
    'root:x:0:0::/root:/bin/bash\nadmin:x:1000:1000::/home/admin:/bin/sh\nold:$6$x:1001:1001::/:/bin/sh\nopen::1002:1002::/:/bin/sh\n',
  '/etc/shadow': 'root:*:1::::::\nadmin:!:1::::::\n',
  '/etc/group': 'sudo:x:27:admin\nadm:x:4:admin,old\n',
  '/etc/sudoers': '# x\nDefaults env_reset\n%sudo\tALL=(ALL:ALL)   ALL\n@includedir /etc/sudoers.d\n',
  '/etc/sudoers.d/90-admin': 'admin ALL=(ALL) NOPASSWD:ALL\n',
  '/etc/sudoers.d/ignored.bak': 'evil ALL=(ALL) ALL\n',
  '/etc/ssh/sshd_config': 'Port 2222\n#Port 22\n',
  '/etc/systemd/system/multi-user.target.wants/ssh.service': '-> /usr/lib/systemd/system/ssh.service',
  '/etc/systemd/system/sockets.target.wants/rpc.socket': '-> /usr/lib/systemd/system/rpc.socket',
  '/etc/systemd/system/multi-user.target.wants/gone.service': '-> x',
  '/etc/systemd/system/gone.service': '-> /dev/null',
  '/usr/lib/systemd/system/rpc.socket': '[Socket]\nListenStream=0.0.0.0:111\nListenDatagram=111\nListenStream=/run/rpc.sock\n',
  '/usr/bin/sudo': '4755:12345',
  '/usr/bin/a': 'inode 7',
  '/usr/bin/b': 'inode 7',
  '/boot/grub/grub.cfg': 'menuentry {\n\tlinux /vmlinuz root=UUID=1-2 ro quiet\n}\nmenuentry {\n linux /vmlinuz single\n}\n',
};

describe('the inventory of an image', () => {
  it('lists what an administrator asks after', async () => {
    const inventory = await takeInventory(treeOf(before));
    expect(inventorySchema.parse(inventory)).toEqual(inventory);
    expect(inventory).toMatchObject({
      packages: { 'bash:amd64': '5.2', 'openssl:amd64': '3.0' },
      units: { enabled: ['rpc.socket', 'ssh.service'], masked: ['gone.service'] },
      ports: ['111/tcp rpc', '111/udp rpc', '2222/tcp ssh'],
      users: {
        root: { uid: 0, password: 'locked', groups: [] },
        admin: { uid: 1000, shell: '/bin/sh', password: 'locked', groups: ['adm', 'sudo'] },
        old: { password: 'set' },
        open: { password: 'empty' },
      },
      sudoers: ['/etc/sudoers: %sudo ALL=(ALL:ALL) ALL', '/etc/sudoers.d/90-admin: admin ALL=(ALL) NOPASSWD:ALL'],
      setuid: { '/usr/bin/sudo': '4755 0:0' },
      kernelArguments: ['ro', 'quiet'],
    });
    expect(Object.keys(inventory.packages)).toHaveLength(2);
    expect(inventory.folders['/usr/bin']).toBe('12345'.length + 'inode 7'.length);
  });

  it('finds each kind of difference, and nothing in equal ones', async () => {
    const from = await takeInventory(treeOf(before));
    const after: Record<string, string> = {
      ...before,
      '/var/lib/dpkg/status': status([
        ['openssl', '3.1'],
        ['nginx', '1'],
      ]),
      '/etc/passwd': 'root:x:0:0::/root:/bin/bash\nadmin:x:1000:1000::/home/admin:/bin/bash\n',
      '/etc/sudoers.d/90-admin': 'admin ALL=(ALL) ALL\n',
      '/etc/ssh/sshd_config': '',
      '/usr/bin/sudo': '0755:12345',
      '/usr/bin/su': '4755:1',
      '/boot/grub/grub.cfg': 'linux /vmlinuz root=UUID=3-4 ro console=ttyS0\n',
    };
    const diff = diffInventories(from, await takeInventory(treeOf(after)));
    expect(diff).toMatchObject({
      packages: {
        added: { 'nginx:amd64': '1' },
        removed: { 'bash:amd64': '5.2' },
        changed: { 'openssl:amd64': { from: '3.0', to: '3.1' } },
      },
      enabledUnits: { added: {}, removed: {} },
      ports: { added: { '22/tcp ssh': true }, removed: { '2222/tcp ssh': true } },
      users: {
        removed: { old: expect.stringContaining('password set') },
        changed: { admin: { to: expect.stringContaining('/bin/bash') } },
      },
      sudoers: { added: { '/etc/sudoers.d/90-admin: admin ALL=(ALL) ALL': true } },
      setuid: { added: { '/usr/bin/su': '4755 0:0' }, removed: { '/usr/bin/sudo': '4755 0:0' } },
      kernelArguments: { added: { 'console=ttyS0': true }, removed: { quiet: true } },
    });
    expect(diff.folders.find(({ folder }) => folder === '/usr/bin')).toEqual({ folder: '/usr/bin', from: 12, to: 13 });
    expect(isEmptyDiff(diff)).toBe(false);
    expect(isEmptyDiff(diffInventories(from, structuredClone<Inventory>(from)))).toBe(true);
  });
});
