import type { RootfsCheck } from '../model/check.ts';
import { dropIns, statements, textAt } from './shared/config-text.ts';
import { fail, stepCheck } from './shared/step-check.ts';
import { hasUnit, isEnabled, isMasked } from './shared/systemd-units.ts';

const locale = stepCheck('base', 'locale', 'The locale is the one of the template', async ({ rootfs, plan }) => {
  const wanted = `LANG=${plan.template.locale}`;
  const text = await textAt(rootfs, '/etc/default/locale');
  return statements(text).includes(wanted) ? [] : [fail(`/etc/default/locale does not say ${wanted}`)];
});

const timeZone = stepCheck('base', 'time-zone', 'The time zone is the one of the template', async ({ rootfs, plan }) => {
  const { timezone } = plan.template;
  const link = await rootfs.readLink('/etc/localtime');
  if (link === undefined && timezone === 'Etc/UTC' && !(await rootfs.stat('/etc/localtime'))) return [];
  const wanted = `/usr/share/zoneinfo/${timezone}`;
  if (link !== wanted) return [fail(`/etc/localtime points to ${link ?? 'nothing'} instead of ${wanted}`)];
  return (await rootfs.stat(wanted)) ? [] : [fail(`/etc/localtime points to ${wanted}, which does not exist`)];
});

const timeServices = ['systemd-timesyncd', 'chrony', 'ntpsec', 'openntpd', 'ntp'].map((name) => `${name}.service`);

const timeSync = stepCheck('base', 'time-sync', 'Exactly one service keeps the time', async ({ rootfs }) => {
  const enabled: string[] = [];
  for (const unit of timeServices) if (await isEnabled(rootfs, unit)) enabled.push(unit);
  return enabled.length === 1 ? [] : [fail(`${enabled.length} time services are enabled: ${enabled.join(', ') || 'none'}`)];
});

const network = stepCheck(
  'base',
  'network',
  'systemd-networkd and systemd-resolved, and nothing else, run the network',
  async ({ rootfs }) => {
    const findings = [];
    for (const unit of ['systemd-networkd.service', 'systemd-resolved.service']) {
      if (!(await isEnabled(rootfs, unit))) findings.push(fail(`${unit} is not enabled`));
    }
    for (const unit of ['networking.service', 'NetworkManager.service', 'dhcpcd.service', 'connman.service']) {
      if (await isEnabled(rootfs, unit)) findings.push(fail(`${unit} is enabled too and would configure the same cards`));
    }
    const link = await rootfs.readLink('/etc/resolv.conf');
    if (link === undefined || !link.endsWith('run/systemd/resolve/stub-resolv.conf')) {
      findings.push(
        fail(`/etc/resolv.conf ${link === undefined ? 'is not a link' : `points to ${link}`} instead of systemd-resolved`),
      );
    }
    return findings;
  },
);

const networkFallback = stepCheck(
  'base',
  'network-fallback',
  'A machine without any seed gets its network by DHCP',
  async ({ rootfs }) => {
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
  },
);

const waitOnline = stepCheck(
  'base',
  'network-wait',
  'Waiting for the network ends within a minute and fails no unit',
  async ({ rootfs }) => {
    const folder = '/etc/systemd/system/systemd-networkd-wait-online.service.d';
    const lines: string[] = [];
    for (const file of await dropIns(rootfs, [folder], '.conf')) lines.push(...statements(await textAt(rootfs, file)));
    const command = lines.findLast((line) => line.startsWith('ExecStart=') && line !== 'ExecStart=') ?? '';
    const seconds = Number(/--timeout=(\d+)/.exec(command)?.[1] ?? Number.POSITIVE_INFINITY);
    const good = command.startsWith('ExecStart=-') && seconds > 0 && seconds <= 60;
    return good ? [] : [fail(`${folder} does not bound the wait: ${command || 'no ExecStart'}`)];
  },
);

const packageSources = stepCheck(
  'base',
  'package-sources',
  'Package sources are those of the template, signed, without proxy',
  async ({ rootfs, plan }) => {
    const findings = [];
    const wanted = statements(plan.guestSources);
    const found: string[] = [];
    for (const file of await dropIns(rootfs, ['/etc/apt/sources.list.d'], '.sources')) {
      const text = await textAt(rootfs, file);
      found.push(...statements(text));
      for (const stanza of text.split(/\n\s*\n/).filter((part) => statements(part).length > 0)) {
        if (!/^Signed-By:/im.test(stanza)) findings.push(fail(`${file} has a source without Signed-By`));
        if (/^(Trusted|Allow-Insecure):\s*yes/im.test(stanza))
          findings.push(fail(`${file} has a source that needs no signature`));
      }
    }
    for (const line of wanted) if (!found.includes(line)) findings.push(fail(`/etc/apt/sources.list.d lacks "${line}"`));
    const oneLine = ['/etc/apt/sources.list', ...(await dropIns(rootfs, ['/etc/apt/sources.list.d'], '.list'))];
    for (const file of oneLine) {
      for (const line of statements((await rootfs.readText(file)) ?? '')) {
        if (!/\[[^\]]*signed-by=/i.test(line) || /trusted=yes/i.test(line))
          findings.push(fail(`${file} has a source without a key of its own: ${line}`));
      }
    }
    for (const file of [
      '/etc/apt/apt.conf',
      ...(await rootfs.list('/etc/apt/apt.conf.d')).map((name) => `/etc/apt/apt.conf.d/${name}`),
    ]) {
      const text = (await rootfs.readText(file)) ?? '';
      if (
        statements(text).some(
          (line) => /Proxy|Verify-(Peer|Host)|AllowUnauthenticated|Check-Valid-Until/i.test(line) && !line.startsWith('//'),
        )
      ) {
        findings.push(fail(`${file} has a proxy, or switches a safeguard of apt off`));
      }
    }
    return findings;
  },
);

const consoles = stepCheck(
  'base',
  'login-consoles',
  'A login waits on the screen and on the serial consoles',
  async ({ rootfs }) => {
    const findings = [];
    if (!(await isEnabled(rootfs, 'getty@tty1.service'))) findings.push(fail('getty@tty1.service is not enabled'));
    // This generator starts serial-getty on the kernel's consoles and on hvc0.
    const generator = 'systemd-getty-generator';
    if (
      !(await rootfs.stat(`/usr/lib/systemd/system-generators/${generator}`)) &&
      !(await rootfs.stat(`/lib/systemd/system-generators/${generator}`))
    ) {
      findings.push(fail(`${generator} is missing`));
    }
    if ((await rootfs.readLink(`/etc/systemd/system-generators/${generator}`)) === '/dev/null')
      findings.push(fail(`${generator} is masked`));
    if (await isMasked(rootfs, 'serial-getty@.service')) findings.push(fail('serial-getty@.service is masked'));
    return findings;
  },
);

const journal = stepCheck(
  'base',
  'journal-limits',
  'The journal is kept as the template says, and cannot fill the disk',
  async ({ rootfs, parameter }) => {
    const settings = new Map<string, string>();
    const files = await dropIns(
      rootfs,
      ['/etc/systemd/journald.conf.d', '/run/systemd/journald.conf.d', '/usr/lib/systemd/journald.conf.d'],
      '.conf',
    );
    for (const file of ['/etc/systemd/journald.conf', ...files]) {
      for (const line of statements(await textAt(rootfs, file))) {
        const [key = '', value = ''] = line.split('=');
        settings.set(key, value);
      }
    }
    const findings = [];
    const storage = parameter('journal') ?? 'persistent';
    if (settings.get('Storage') !== storage)
      findings.push(fail(`Storage of journald is ${settings.get('Storage') ?? 'not set'} instead of ${storage}`));
    for (const key of ['SystemMaxUse', 'RuntimeMaxUse'])
      if (!settings.get(key)) findings.push(fail(`${key} of journald is not set`));
    return findings;
  },
);

const upgrades = stepCheck(
  'base',
  'upgrade-timers',
  'Package timers run only where unattended-upgrades is installed',
  async ({ rootfs }) => {
    const wanted = await hasUnit(rootfs, 'unattended-upgrades.service');
    const findings = [];
    for (const unit of ['apt-daily.timer', 'apt-daily-upgrade.timer']) {
      const enabled = await isEnabled(rootfs, unit);
      if (enabled !== wanted)
        findings.push(fail(`${unit} is ${enabled ? 'enabled without' : 'off in spite of'} unattended-upgrades`));
    }
    return findings;
  },
);

export const baseSystemChecks: RootfsCheck[] = [
  locale,
  timeZone,
  timeSync,
  network,
  networkFallback,
  waitOnline,
  packageSources,
  consoles,
  journal,
  upgrades,
];
