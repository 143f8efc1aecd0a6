import type { Finding, Rootfs, RootfsCheck } from '../model/check.ts';
import { dropIns, statements, textAt } from './shared/config-text.ts';
import { familyOf } from './shared/family.ts';
import { fail, stepCheck } from './shared/step-check.ts';
import { hasUnit, isEnabled } from './shared/systemd-units.ts';

/** One manager runs the network; each has its own way to reach a machine without a seed, and to wait for the network. */

type Manager = 'networkd' | 'NetworkManager' | 'wicked';

/** The manager that the base step chooses. */
async function managerOf(rootfs: Rootfs): Promise<Manager> {
  if ((await familyOf(rootfs)) === 'apt') return 'networkd';
  return (await hasUnit(rootfs, 'NetworkManager.service')) || !(await hasUnit(rootfs, 'wicked.service'))
    ? 'NetworkManager'
    : 'wicked';
}

const unitsOf: Record<Manager, string[]> = {
  networkd: ['systemd-networkd.service', 'systemd-resolved.service'],
  NetworkManager: ['NetworkManager.service'],
  wicked: ['wicked.service'],
};
const allManagers = ['systemd-networkd', 'networking', 'NetworkManager', 'wicked', 'dhcpcd', 'connman'].map(
  (name) => `${name}.service`,
);

const network = stepCheck('base', 'network', 'One manager, and nothing else, runs the network', async ({ rootfs }) => {
  const manager = await managerOf(rootfs);
  const findings: Finding[] = [];
  for (const unit of unitsOf[manager]) if (!(await isEnabled(rootfs, unit))) findings.push(fail(`${unit} is not enabled`));
  for (const unit of allManagers.filter((name) => !unitsOf[manager].includes(name))) {
    if (await isEnabled(rootfs, unit)) findings.push(fail(`${unit} is enabled too and would configure the same cards`));
  }
  const link = await rootfs.readLink('/etc/resolv.conf');
  if (manager === 'networkd' && (link === undefined || !link.endsWith('run/systemd/resolve/stub-resolv.conf'))) {
    const found = link === undefined ? 'is not a link' : `points to ${link}`;
    findings.push(fail(`/etc/resolv.conf ${found} instead of systemd-resolved`));
  }
  return findings;
});

const fallback = stepCheck(
  'base',
  'network-fallback',
  'A machine without any seed gets its network by DHCP',
  async ({ rootfs }) => {
    const fallbacks = { networkd: networkdFallback, NetworkManager: networkManagerFallback, wicked: wickedFallback };
    return fallbacks[await managerOf(rootfs)](rootfs);
  },
);

async function networkdFallback(rootfs: Rootfs): Promise<Finding[]> {
  const files = await dropIns(rootfs, ['/etc/systemd/network'], '.network');
  for (const file of files.toReversed()) {
    const lines = statements(await textAt(rootfs, file));
    if (!lines.some((line) => /^DHCP=(yes|true|ipv4)$/.test(line)) || !lines.some((line) => /^Name=.*\ben\*/.test(line)))
      continue;
    return file === files.at(-1)
      ? []
      : [fail(`${file} is not the last in /etc/systemd/network: it would win over ${files.at(-1)}`)];
  }
  return [fail('no file in /etc/systemd/network configures network cards by DHCP')];
}

async function networkManagerFallback(rootfs: Rootfs): Promise<Finding[]> {
  const file = '/etc/NetworkManager/system-connections/gabarit-fallback.nmconnection';
  const lines = statements((await rootfs.readText(file)) ?? '');
  if (lines.length === 0) return [fail(`${file} is missing`)];
  const findings = ['type=ethernet', 'method=auto', 'autoconnect-priority=-999']
    .filter((line) => !lines.includes(line))
    .map((line) => fail(`${file} does not say ${line}`));
  const named = lines.find((line) => /^(interface-name|uuid|mac-address)=/.test(line));
  if (named !== undefined) findings.push(fail(`${file} is for one machine: ${named}`));
  // NetworkManager reads no file that others could have written.
  const stat = await rootfs.stat(file);
  if (stat && ((stat.mode & 0o077) !== 0 || stat.uid !== 0))
    findings.push(fail(`${file} has mode ${stat.mode.toString(8)} and owner ${stat.uid}; NetworkManager ignores it`));
  return findings;
}

async function wickedFallback(rootfs: Rootfs): Promise<Finding[]> {
  const file = '/etc/sysconfig/network/ifcfg-eth0';
  const lines = statements((await rootfs.readText(file)) ?? '').map((line) => line.replaceAll(/['"]/g, ''));
  return ['BOOTPROTO=dhcp', 'STARTMODE=auto']
    .filter((line) => !lines.includes(line))
    .map((line) => fail(`${file} ${lines.length === 0 ? 'is missing' : `does not say ${line}`}`));
}

const wait = stepCheck(
  'base',
  'network-wait',
  'Waiting for the network ends within a minute and fails no unit',
  async ({ rootfs }) => {
    const manager = await managerOf(rootfs);
    if (manager === 'wicked') return wickedWait(rootfs);
    const service = manager === 'networkd' ? 'systemd-networkd-wait-online' : 'NetworkManager-wait-online';
    const folder = `/etc/systemd/system/${service}.service.d`;
    const lines: string[] = [];
    for (const file of await dropIns(rootfs, [folder], '.conf')) lines.push(...statements(await textAt(rootfs, file)));
    const command = lines.findLast((line) => line.startsWith('ExecStart=') && line !== 'ExecStart=') ?? '';
    const seconds = Number(/--timeout=(\d+)/.exec(command)?.[1] ?? Number.POSITIVE_INFINITY);
    const good = command.startsWith('ExecStart=-') && seconds > 0 && seconds <= 60;
    return good ? [] : [fail(`${folder} does not bound the wait: ${command || 'no ExecStart'}`)];
  },
);

async function wickedWait(rootfs: Rootfs): Promise<Finding[]> {
  const file = '/etc/sysconfig/network/config';
  const line = statements((await rootfs.readText(file)) ?? '').findLast((text) => text.startsWith('WAIT_FOR_INTERFACES=')) ?? '';
  const seconds = Number(/"?(\d+)"?$/.exec(line)?.[1] ?? Number.POSITIVE_INFINITY);
  return seconds <= 60 ? [] : [fail(`${file} does not bound the wait: ${line || 'no WAIT_FOR_INTERFACES'}`)];
}

export const networkChecks: RootfsCheck[] = [network, fallback, wait];
