import type { RootfsCheck } from '../model/check.ts';
import { dropIns, statements, textAt } from './shared/config-text.ts';
import { familyOf } from './shared/family.ts';
import { fail, stepCheck } from './shared/step-check.ts';
import { hasUnit, isEnabled, isMasked } from './shared/systemd-units.ts';

const locale = stepCheck('base', 'locale', 'The locale is the one of the template', async ({ rootfs, plan }) => {
  const wanted = `LANG=${plan.template.locale}`;
  const file = (await familyOf(rootfs)) === 'apt' ? '/etc/default/locale' : '/etc/locale.conf';
  return statements(await textAt(rootfs, file)).includes(wanted) ? [] : [fail(`${file} does not say ${wanted}`)];
});

const timeZone = stepCheck('base', 'time-zone', 'The time zone is the one of the template', async ({ rootfs, plan }) => {
  const { timezone } = plan.template;
  const link = await rootfs.readLink('/etc/localtime');
  if (link === undefined && timezone === 'Etc/UTC' && !(await rootfs.stat('/etc/localtime'))) return [];
  const wanted = `/usr/share/zoneinfo/${timezone}`;
  if (link !== wanted) return [fail(`/etc/localtime points to ${link ?? 'nothing'} instead of ${wanted}`)];
  return (await rootfs.stat(wanted)) ? [] : [fail(`/etc/localtime points to ${wanted}, which does not exist`)];
});

const timeServices = ['systemd-timesyncd', 'chrony', 'chronyd', 'ntpsec', 'openntpd', 'ntp'].map((name) => `${name}.service`);

const timeSync = stepCheck('base', 'time-sync', 'Exactly one service keeps the time', async ({ rootfs }) => {
  const enabled: string[] = [];
  for (const unit of timeServices) if (await isEnabled(rootfs, unit)) enabled.push(unit);
  return enabled.length === 1 ? [] : [fail(`${enabled.length} time services are enabled: ${enabled.join(', ') || 'none'}`)];
});

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

/** Timers that hold the lock of the packages in a machine's first minutes, and the unit with which they are wanted. */
const packageTimers = {
  apt: { timers: ['apt-daily.timer', 'apt-daily-upgrade.timer'], wantedWith: 'unattended-upgrades.service' },
  dnf: { timers: ['dnf-automatic.timer'], wantedWith: 'dnf-automatic.service' },
  zypper: { timers: [], wantedWith: '' },
};
const neverWanted = ['dnf-makecache.timer', 'packagekit-background.timer', 'zypp-refresh.timer'];

const upgrades = stepCheck(
  'base',
  'upgrade-timers',
  'Package timers run only where the package that takes security updates is installed',
  async ({ rootfs }) => {
    const { timers, wantedWith } = packageTimers[await familyOf(rootfs)];
    const wanted = await hasUnit(rootfs, wantedWith);
    const findings = [];
    for (const unit of timers) {
      const enabled = await isEnabled(rootfs, unit);
      const name = wantedWith.replace('.service', '');
      if (enabled !== wanted) findings.push(fail(`${unit} is ${enabled ? 'enabled without' : 'off in spite of'} ${name}`));
    }
    for (const unit of neverWanted)
      if (await isEnabled(rootfs, unit)) findings.push(fail(`${unit} is enabled and holds the lock of the packages`));
    return findings;
  },
);

export const baseSystemChecks: RootfsCheck[] = [locale, timeZone, timeSync, consoles, journal, upgrades];
