import type { RootfsCheck } from '../model/check.ts';
import { dropIns, statements, textAt } from './shared/config-text.ts';
import { fail, stepCheck } from './shared/step-check.ts';

/** Programs that may run with the rights of their owner or group; the rest have lost them. */
const allowed = new Set([
  '/usr/bin/passwd',
  '/usr/bin/su',
  '/usr/bin/sudo',
  '/usr/bin/ssh-agent',
  '/usr/sbin/unix_chkpwd',
  '/usr/lib/dbus-1.0/dbus-daemon-launch-helper',
  '/usr/lib/polkit-1/polkit-agent-helper-1',
  '/usr/bin/pkexec',
  '/usr/bin/crontab',
  '/usr/sbin/pam_extrausers_chkpwd',
  '/usr/bin/dotlockfile',
  '/usr/bin/write',
  '/usr/bin/wall',
  '/usr/bin/fusermount3',
  '/usr/lib/x86_64-linux-gnu/utempter/utempter',
  '/usr/libexec/utempter/utempter',
  '/usr/lib/utempter/utempter',
  '/usr/libexec/dbus-1/dbus-daemon-launch-helper',
  '/usr/libexec/polkit-agent-helper-1',
  '/usr/libexec/sssd/krb5_child',
  '/usr/libexec/sssd/ldap_child',
  '/usr/libexec/sssd/selinux_child',
  '/usr/libexec/sssd/proxy_child',
  '/usr/sbin/unix2_chkpwd',
]);

const setuid = stepCheck(
  'hardening',
  'setuid-programs',
  'Only known programs run with the rights of their owner',
  async ({ rootfs }) => {
    const findings = [];
    for await (const { path, type, mode } of rootfs.walk('/')) {
      if (type !== 'file' || (mode & 0o6000) === 0) continue;
      const merged = path.startsWith('/usr/') ? path : `/usr${path}`;
      if (!allowed.has(merged)) findings.push(fail(`${path} has mode ${mode.toString(8)}`));
      else if (merged === '/usr/bin/su' && (mode & 0o001) !== 0)
        findings.push(fail(`${path} can be run by everybody (mode ${mode.toString(8)})`));
    }
    return findings;
  },
);

const root = stepCheck(
  'hardening',
  'root-locked',
  'Nobody can log in as root with a password, and only root is root',
  async ({ rootfs }) => {
    const findings = [];
    const shadow = ((await rootfs.readText('/etc/shadow')) ?? '').split('\n').find((line) => line.startsWith('root:'));
    if (!/^root:[!*]/.test(shadow ?? '')) findings.push(fail('/etc/shadow does not lock root'));
    for (const line of ((await rootfs.readText('/etc/passwd')) ?? '').split('\n')) {
      const [name, , uid] = line.split(':');
      if (uid === '0' && name !== 'root') findings.push(fail(`/etc/passwd gives ${name} the id of root`));
    }
    const home = await rootfs.stat('/root');
    if (!home || (home.mode & 0o077) !== 0)
      findings.push(fail(`/root has mode ${home?.mode.toString(8) ?? 'none'} instead of 700`));
    return findings;
  },
);

const cores = stepCheck('hardening', 'core-files', 'Programs that crash leave no core files', async ({ rootfs }) => {
  const limits: string[] = [];
  for (const file of ['/etc/security/limits.conf', ...(await dropIns(rootfs, ['/etc/security/limits.d'], '.conf'))]) {
    limits.push(...statements(await textAt(rootfs, file)).filter((line) => /^\*\s+(hard|-)\s+core\b/.test(line)));
  }
  const findings = /\s0$/.test(limits.at(-1) ?? '') ? [] : [fail('/etc/security/limits.d does not say "* hard core 0"')];
  const manager: string[] = [];
  for (const file of await dropIns(rootfs, ['/etc/systemd/system.conf.d'], '.conf'))
    manager.push(...statements(await textAt(rootfs, file)));
  if (manager.findLast((line) => line.startsWith('DefaultLimitCORE=')) !== 'DefaultLimitCORE=0') {
    findings.push(fail('/etc/systemd/system.conf.d does not say DefaultLimitCORE=0'));
  }
  return findings;
});

const umask = stepCheck(
  'hardening',
  'umask',
  "New files and home folders are nobody else's business",
  async ({ rootfs, parameter }) => {
    const wanted = parameter('umask') ?? '027';
    // openSUSE 16 has its own in /usr, and reads those of the folder after it.
    const lines: string[] = [];
    for (const file of ['/etc/login.defs', ...(await dropIns(rootfs, ['/etc/login.defs.d'], '.defs'))])
      lines.push(...statements((await rootfs.readText(file)) ?? ''));
    const value = (key: string): string | undefined => lines.findLast((line) => line.split(/\s+/)[0] === key)?.split(/\s+/)[1];
    const findings = [];
    if (value('UMASK') !== wanted)
      findings.push(fail(`UMASK in /etc/login.defs is ${value('UMASK') ?? 'not set'} instead of ${wanted}`));
    if (value('HOME_MODE') !== '0700')
      findings.push(fail(`HOME_MODE in /etc/login.defs is ${value('HOME_MODE') ?? 'not set'} instead of 0700`));
    let shells = '';
    for (const file of await dropIns(rootfs, ['/etc/profile.d'], '.sh')) {
      shells = statements(await textAt(rootfs, file)).findLast((line) => line.startsWith('umask ')) ?? shells;
    }
    if (shells !== `umask ${wanted}`)
      findings.push(fail(`/etc/profile.d sets ${shells || 'no umask'} instead of umask ${wanted}`));
    return findings;
  },
);

const sudo = stepCheck(
  'hardening',
  'sudo',
  'sudo gives each program its own terminal, and nobody has it for nothing',
  async ({ rootfs }) => {
    const findings = [];
    const files = [
      '/etc/sudoers',
      ...(await rootfs.list('/etc/sudoers.d'))
        .filter((name) => !/[.~]/.test(name) && name !== 'README')
        .map((name) => `/etc/sudoers.d/${name}`),
    ];
    let pty = false;
    for (const file of files) {
      const stat = await rootfs.stat(file);
      if (!stat || stat.uid !== 0 || (stat.mode & 0o027) !== 0)
        findings.push(fail(`${file} has mode ${stat?.mode.toString(8) ?? 'none'} and owner ${stat?.uid ?? 'none'}`));
      for (const line of statements((await rootfs.readText(file)) ?? '')) {
        if (/^Defaults\b.*\buse_pty\b/.test(line)) pty = !line.includes('!use_pty');
        if (/^ALL\s+ALL\s*=/.test(line)) findings.push(fail(`${file} lets everybody do everything: ${line}`));
        // The rule of the default user is written by cloud-init at first boot.
        if (line.includes('NOPASSWD') || /!authenticate/.test(line))
          findings.push(fail(`${file} gives rights without a password: ${line}`));
      }
    }
    if (!pty) findings.push(fail('/etc/sudoers.d does not set use_pty'));
    return findings;
  },
);

const scheduled = stepCheck(
  'hardening',
  'root-files',
  'What root runs by the clock or boots from is writable and readable by root alone',
  async ({ rootfs }) => {
    const findings = [];
    for (const path of [
      '/etc/crontab',
      '/etc/cron.hourly',
      '/etc/cron.daily',
      '/etc/cron.weekly',
      '/etc/cron.monthly',
      '/etc/cron.d',
      '/boot/grub',
      '/boot/grub2',
    ]) {
      const stat = await rootfs.stat(path);
      if (stat && (stat.uid !== 0 || (stat.mode & 0o077) !== 0))
        findings.push(fail(`${path} has mode ${stat.mode.toString(8)} and owner ${stat.uid}`));
    }
    return findings;
  },
);

const anonymous = stepCheck(
  'hardening',
  'login-text',
  'Nothing before login tells the name or version of the system',
  async ({ rootfs }) => {
    const findings = [];
    for (const path of [
      '/etc/issue',
      '/etc/issue.net',
      '/etc/motd',
      ...(await rootfs.list('/etc/issue.d')).map((name) => `/etc/issue.d/${name}`),
    ]) {
      const text = await textAt(rootfs, path);
      const leak = /\\[mrsvSo]|Debian|Ubuntu|Rocky|AlmaLinux|CentOS|Red Hat|openSUSE|GNU\/Linux|\b\d+\.\d+\b/.exec(text)?.[0];
      if (leak !== undefined) findings.push(fail(`${path} tells "${leak}"`));
    }
    return findings;
  },
);

export const hardeningChecks: RootfsCheck[] = [setuid, root, cores, umask, sudo, scheduled, anonymous];
