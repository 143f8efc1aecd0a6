import type { Rootfs } from '../model/check.ts';
import type { SystemInspection } from '../model/inspection.ts';
import { readRpmDatabase } from './rpm-database.ts';

/** An operating system as its own files tell of it: nothing is started. */

/** Machines by the number in an ELF header, in Debian's names. */
const machines: Record<number, string> = {
  3: 'i386',
  8: 'mips',
  21: 'ppc64el',
  22: 's390x',
  40: 'armhf',
  62: 'amd64',
  183: 'arm64',
  243: 'riscv64',
};
const shells = ['/bin/sh', '/usr/bin/sh', '/bin/bash', '/sbin/init'];

/** Guest agents by a program of theirs, and the packages that may tell their version. */
const agents: { title: string; files: string[]; packages: string[] }[] = [
  { title: 'qemu-guest-agent', files: ['/usr/sbin/qemu-ga', '/usr/bin/qemu-ga'], packages: ['qemu-guest-agent'] },
  { title: 'open-vm-tools', files: ['/usr/bin/vmtoolsd'], packages: ['open-vm-tools'] },
  { title: 'xe-guest-utilities', files: ['/usr/sbin/xe-daemon'], packages: ['xe-guest-utilities', 'xe-guest-utilities-latest'] },
  { title: 'xen-guest-agent', files: ['/usr/sbin/xen-guest-agent', '/usr/bin/xen-guest-agent'], packages: ['xen-guest-agent'] },
  { title: 'gabarit-xen-agent', files: ['/usr/local/lib/gabarit/xen-agent'], packages: [] },
  { title: 'hyperv-daemons', files: ['/usr/sbin/hv_kvp_daemon'], packages: ['hyperv-daemons'] },
  { title: 'virtualbox-guest-utils', files: ['/usr/sbin/VBoxService'], packages: ['virtualbox-guest-utils'] },
  { title: 'walinuxagent', files: ['/usr/sbin/waagent'], packages: ['waagent', 'walinuxagent'] },
  { title: 'google-guest-agent', files: ['/usr/bin/google_guest_agent'], packages: ['google-guest-agent'] },
];

/** The system whose root a file system is; undefined when it is not one. */
export async function readSystem(rootfs: Rootfs): Promise<Omit<SystemInspection, 'partition'> | undefined> {
  const text = (await rootfs.readText('/etc/os-release')) ?? (await rootfs.readText('/usr/lib/os-release'));
  if (text === undefined) return undefined;
  const fields = parseOsRelease(text);
  const distro = fields['ID'] ?? 'linux';
  const rpm = await readRpmDatabase(rootfs);
  const packages = rpm ? new Map(rpm.packages.map(({ name, version }) => [name, version])) : await dpkgVersions(rootfs);
  const pointRelease = (await rootfs.readText('/etc/debian_version'))?.trim();
  const cloudInit = await cloudInitOf(rootfs, packages);
  return {
    distro,
    family: fields['ID_LIKE']?.split(' ')[0] ?? distro,
    title: fields['PRETTY_NAME'] ?? distro,
    release: fields['VERSION_ID'] ?? '',
    ...(distro === 'debian' && pointRelease !== undefined ? { pointRelease } : {}),
    ...(fields['VERSION_CODENAME'] === undefined ? {} : { codename: fields['VERSION_CODENAME'] }),
    arch: await archOf(rootfs),
    kernels: await kernelsOf(rootfs),
    ...(cloudInit === undefined ? {} : { cloudInit }),
    guestAgents: await agentsOf(rootfs, packages),
    ...(rpm?.unknown === undefined ? {} : { packagesUnknown: rpm.unknown }),
    ...(packages.size > 0 ? { packages: rpm ? rpm.packages.length : packages.size } : {}),
  };
}

/** `NAME=value` lines, as os-release(5) has them. */
export function parseOsRelease(text: string): Record<string, string> {
  const fields: Record<string, string> = {};
  for (const line of text.split('\n')) {
    const match = /^([A-Z][A-Z0-9_]*)=(?:"((?:[^"\\]|\\.)*)"|'([^']*)'|(\S*))\s*$/.exec(line);
    if (match?.[1] !== undefined) fields[match[1]] = match[3] ?? (match[2] ?? match[4] ?? '').replaceAll(/\\(["\\$`])/g, '$1');
  }
  return fields;
}

/** Versions of the installed packages by name, where dpkg keeps them. */
async function dpkgVersions(rootfs: Rootfs): Promise<Map<string, string>> {
  const text = (await rootfs.readText('/var/lib/dpkg/status')) ?? '';
  const found = new Map<string, string>();
  for (const stanza of text.split(/\n\n+/)) {
    const field = (name: string): string | undefined => new RegExp(`^${name}: (.*)$`, 'm').exec(stanza)?.[1];
    const [name, version] = [field('Package'), field('Version')];
    if (name !== undefined && version !== undefined && field('Status')?.endsWith(' installed') === true) found.set(name, version);
  }
  return found;
}

async function archOf(rootfs: Rootfs): Promise<string> {
  for (const path of shells) {
    const bytes = await rootfs.readFile(path);
    if (bytes === undefined || bytes.length < 20 || bytes.toString('latin1', 0, 4) !== '\u007fELF') continue;
    return machines[bytes.readUInt16LE(18)] ?? `machine ${bytes.readUInt16LE(18)}`;
  }
  return 'unknown';
}

/** Those that can be started; where /boot is a file system of its own, those that have modules. */
async function kernelsOf(rootfs: Rootfs): Promise<string[]> {
  const inBoot = (await rootfs.list('/boot')).flatMap((name) => /^(?:vmlinuz|vmlinux|Image)-(.+)$/.exec(name)?.[1] ?? []);
  const versions = inBoot.length > 0 ? inBoot : await rootfs.list('/lib/modules');
  return [...new Set(versions)].toSorted((a, b) => b.localeCompare(a, 'en', { numeric: true }));
}

async function cloudInitOf(rootfs: Rootfs, packages: Map<string, string>): Promise<string | undefined> {
  if (!(await rootfs.stat('/usr/bin/cloud-init'))) return undefined;
  return packages.get('cloud-init') ?? 'installed';
}

async function agentsOf(rootfs: Rootfs, packages: Map<string, string>): Promise<string[]> {
  const found: string[] = [];
  for (const agent of agents) {
    const isThere = await Promise.all(agent.files.map((file) => rootfs.stat(file)));
    if (isThere.every((stat) => stat === undefined)) continue;
    const version = agent.packages.map((name) => packages.get(name)).find((each) => each !== undefined);
    found.push(version === undefined ? agent.title : `${agent.title} ${version}`);
  }
  return found;
}
