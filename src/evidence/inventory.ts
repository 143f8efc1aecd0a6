import { readBootMenu } from '../disk/boot-menu.ts';
import { readRpmDatabase } from '../disk/rpm-database.ts';
import type { FileStat, Rootfs } from '../model/check.ts';
import type { Inventory } from '../model/inventory.ts';

/** Reads what is in an image from its root file system: nothing is run, nothing is mounted. */
export async function takeInventory(rootfs: Rootfs): Promise<Inventory> {
  const folders: Record<string, number> = {};
  const setuid: Record<string, string> = {};
  const linked = new Set<number>();
  for await (const file of rootfs.walk('/')) {
    if (file.type !== 'file') continue;
    if (file.mode & 0o6000) setuid[file.path] = `${file.mode.toString(8)} ${file.uid}:${file.gid}`;
    // A file with several names takes its space once.
    if (file.links > 1 && linked.has(file.inode)) continue;
    if (file.links > 1) linked.add(file.inode);
    const folder = folderOf(file);
    folders[folder] = (folders[folder] ?? 0) + file.size;
  }
  const enabled = await enabledUnits(rootfs);
  return {
    schema: 'gabarit.inventory/1',
    packages: await packagesIn(rootfs),
    units: { enabled, masked: await maskedUnits(rootfs) },
    ports: await portsOf(rootfs, enabled),
    users: await usersIn(rootfs),
    sudoers: await sudoersIn(rootfs),
    setuid,
    kernelArguments: await kernelArgumentsIn(rootfs),
    folders,
  };
}

/** `/usr/lib` of `/usr/lib/a/b`. */
function folderOf({ path }: FileStat): string {
  return path.split('/').slice(0, -1).slice(0, 3).join('/') || '/';
}

async function linesOf(rootfs: Rootfs, path: string): Promise<string[]> {
  const text = (await rootfs.readText(path)) ?? '';
  return text.split('\n').filter((line) => line.trim() !== '');
}

async function packagesIn(rootfs: Rootfs): Promise<Record<string, string>> {
  const rpm = await readRpmDatabase(rootfs);
  if (rpm) {
    const versions = Map.groupBy(rpm.packages, ({ name, architecture }) => `${name}:${architecture}`);
    // Several kernels may be installed side by side.
    return Object.fromEntries(
      [...versions].map(([key, found]) => [
        key,
        found
          .map(({ version }) => version)
          .toSorted()
          .join(', '),
      ]),
    );
  }
  const status = (await rootfs.readText('/var/lib/dpkg/status')) ?? '';
  const field = (stanza: string, name: string): string => new RegExp(`^${name}: *(.*)$`, 'm').exec(stanza)?.[1] ?? '';
  const installed = status.split(/\n\n+/).filter((stanza) => field(stanza, 'Status').endsWith(' installed'));
  return Object.fromEntries(
    installed
      .map((stanza) => [`${field(stanza, 'Package')}:${field(stanza, 'Architecture')}`, field(stanza, 'Version')] as const)
      .toSorted(([a], [b]) => (a < b ? -1 : 1)),
  );
}

const configured = '/etc/systemd/system';
const shipped = '/usr/lib/systemd/system';

async function enabledUnits(rootfs: Rootfs): Promise<string[]> {
  const names = new Set<string>();
  for (const folder of await rootfs.list(configured)) {
    if (!/\.(wants|requires)$/.test(folder)) continue;
    for (const unit of await rootfs.list(`${configured}/${folder}`)) names.add(unit);
  }
  const masked = new Set(await maskedUnits(rootfs));
  return [...names].filter((name) => !masked.has(name)).toSorted();
}

async function maskedUnits(rootfs: Rootfs): Promise<string[]> {
  const masked: string[] = [];
  for (const name of await rootfs.list(configured)) {
    if ((await rootfs.readLink(`${configured}/${name}`)) === '/dev/null') masked.push(name);
  }
  return masked;
}

/** Numbers that enabled sockets and the SSH server listen on. What other programs open for themselves is seen only in a running machine. */
async function portsOf(rootfs: Rootfs, enabled: readonly string[]): Promise<string[]> {
  const ports = new Set<string>();
  for (const unit of enabled.filter((name) => name.endsWith('.socket'))) {
    const lines = [...(await linesOf(rootfs, `${shipped}/${unit}`)), ...(await linesOf(rootfs, `${configured}/${unit}`))];
    for (const line of lines) {
      const [, kind, port] = /^\s*Listen(Stream|Datagram)\s*=\s*(?:\S*:)?(\d+)\s*$/.exec(line) ?? [];
      if (port) ports.add(`${port}/${kind === 'Stream' ? 'tcp' : 'udp'} ${unit.replace(/\.socket$/, '')}`);
    }
  }
  if (enabled.some((name) => ['ssh.service', 'sshd.service'].includes(name))) {
    for (const port of await sshPorts(rootfs)) ports.add(`${port}/tcp ssh`);
  }
  return [...ports].toSorted();
}

async function sshPorts(rootfs: Rootfs): Promise<string[]> {
  const files = (await rootfs.list('/etc/ssh/sshd_config.d')).filter((name) => name.endsWith('.conf'));
  const found: string[] = [];
  for (const file of [...files.map((name) => `/etc/ssh/sshd_config.d/${name}`), '/etc/ssh/sshd_config']) {
    for (const line of await linesOf(rootfs, file)) {
      const port = /^\s*Port\s+(\d+)\s*$/i.exec(line)?.[1];
      if (port) found.push(port);
    }
  }
  return found.length === 0 ? ['22'] : found;
}

async function usersIn(rootfs: Rootfs): Promise<Inventory['users']> {
  const shadow = new Map(
    (await linesOf(rootfs, '/etc/shadow')).map((line) => line.split(':')).map(([name, field]) => [name, field]),
  );
  const groups = (await linesOf(rootfs, '/etc/group')).map((line) => line.split(':'));
  const users: Inventory['users'] = {};
  for (const line of await linesOf(rootfs, '/etc/passwd')) {
    const [name = '', field = '', uid, , , , shell = ''] = line.split(':');
    const password = field === 'x' ? (shadow.get(name) ?? '!') : field;
    users[name] = {
      uid: Number(uid),
      shell,
      password: password === '' ? 'empty' : /^[!*]/.test(password) ? 'locked' : 'set',
      groups: groups.flatMap(([group = '', , , members = '']) => (members.split(',').includes(name) ? [group] : [])).toSorted(),
    };
  }
  return users;
}

async function sudoersIn(rootfs: Rootfs): Promise<string[]> {
  // sudo reads no file there whose name has a dot or ends in a tilde.
  const extra = (await rootfs.list('/etc/sudoers.d')).filter((name) => !name.includes('.') && !name.endsWith('~'));
  const lines: string[] = [];
  for (const file of ['/etc/sudoers', ...extra.map((name) => `/etc/sudoers.d/${name}`)]) {
    for (const line of await linesOf(rootfs, file)) {
      if (!/^\s*(#|@include|Defaults\b)/.test(line)) lines.push(`${file}: ${line.trim().replaceAll(/\s+/g, ' ')}`);
    }
  }
  return lines;
}

/** What the first entry of the boot menu gives to the kernel, without the place of the root file system, which is each image's own. */
async function kernelArgumentsIn(rootfs: Rootfs): Promise<string[]> {
  const [first] = (await readBootMenu(rootfs)).entries;
  return (first?.args ?? []).filter((argument) => !argument.startsWith('root='));
}
