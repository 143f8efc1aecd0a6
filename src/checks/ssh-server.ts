import type { RootfsCheck } from '../model/check.ts';
import { readSshdConfig } from './shared/sshd-config.ts';
import { familyOf } from './shared/family.ts';
import { fail, stepCheck } from './shared/step-check.ts';
import { isEnabled } from './shared/systemd-units.ts';

/** What must hold, whichever file says it. */
const policy: Record<string, string> = {
  permitrootlogin: 'no',
  pubkeyauthentication: 'yes',
  passwordauthentication: 'no',
  kbdinteractiveauthentication: 'no',
  challengeresponseauthentication: 'no',
  permitemptypasswords: 'no',
  hostbasedauthentication: 'no',
  permituserenvironment: 'no',
  usepam: 'yes',
  x11forwarding: 'no',
  allowagentforwarding: 'no',
  permittunnel: 'no',
  gatewayports: 'no',
};

const access = stepCheck('ssh', 'ssh-access', 'SSH lets people in by key only, and never root', async ({ rootfs, parameter }) => {
  const settings = await readSshdConfig(rootfs);
  const forwarding = parameter('forwarding') ?? 'no';
  const wanted = {
    ...policy,
    // Debian's own addition to sshd.
    ...((await familyOf(rootfs)) === 'apt' ? { debianbanner: 'no' } : {}),
    port: parameter('port') ?? '22',
    ...(forwarding === 'no' ? { disableforwarding: 'yes' } : {}),
  };
  return Object.entries(wanted).flatMap(([key, value]) => {
    const found = settings.get(key);
    if (found?.value.toLowerCase() === value) return [];
    return [fail(found ? `${found.file} sets ${key} to ${found.value} instead of ${value}` : `${key} is not set to ${value}`)];
  });
});

/** Algorithms that must not be offered, by keyword. Each is tested against what the setting takes away, or lists. */
const weak: Record<string, string[]> = {
  kexalgorithms: [
    'diffie-hellman-group1-sha1',
    'diffie-hellman-group14-sha1',
    'diffie-hellman-group14-sha256',
    'diffie-hellman-group-exchange-sha1',
  ],
  ciphers: ['3des-cbc', 'aes128-cbc', 'aes256-cbc'],
  macs: ['hmac-sha1', 'hmac-sha1-etm@openssh.com', 'hmac-md5', 'umac-64@openssh.com', 'umac-64-etm@openssh.com'],
  hostkeyalgorithms: ['ssh-rsa', 'ssh-dss'],
  pubkeyacceptedkeytypes: ['ssh-rsa', 'ssh-dss'],
};

/** Later versions of OpenSSH know the same setting by this name too. */
const otherNames: Record<string, string> = { pubkeyacceptedkeytypes: 'pubkeyacceptedalgorithms' };

function matches(patterns: string, algorithm: string): boolean {
  return patterns.split(',').some((pattern) => {
    const source = pattern.replaceAll(/[.+?^${}()|[\]\\]/g, '\\$&').replaceAll('*', '.*');
    return new RegExp(`^${source}$`).test(algorithm);
  });
}

/** Whether a value of an algorithm setting leaves the algorithm on offer. `+` and `^` add to sshd's own list, which may hold it. */
function offers(value: string, algorithm: string): boolean {
  if (value.startsWith('-')) return !matches(value.slice(1), algorithm);
  return /^[+^]/.test(value) || matches(value, algorithm);
}

const algorithms = stepCheck(
  'ssh',
  'ssh-algorithms',
  'SSH offers no algorithm with SHA-1, a short tag or a small group',
  async ({ rootfs }) => {
    const settings = await readSshdConfig(rootfs);
    return Object.entries(weak).flatMap(([key, names]) => {
      const found = settings.get(key) ?? settings.get(otherNames[key] ?? '');
      if (!found) return [fail(`${key} is not set`)];
      const offered = names.filter((name) => offers(found.value, name));
      return offered.length > 0 ? [fail(`${found.file} leaves ${offered.join(', ')} on offer (${key})`)] : [];
    });
  },
);

const hostKeys = stepCheck(
  'ssh',
  'ssh-host-keys-made',
  'Each machine makes its own host keys before its SSH server starts',
  async ({ rootfs }) => {
    const findings = [];
    const server = (await familyOf(rootfs)) === 'apt' ? 'ssh.service' : 'sshd.service';
    if (!(await isEnabled(rootfs, server))) findings.push(fail(`${server} is not enabled`));
    const unit = 'gabarit-ssh-host-keys.service';
    if (!(await isEnabled(rootfs, unit))) findings.push(fail(`${unit} is not enabled`));
    const text = (await rootfs.readText(`/etc/systemd/system/${unit}`)) ?? '';
    const before = /^Before=(.*)$/m.exec(text)?.[1]?.split(/\s+/) ?? [];
    if (!before.includes(server)) findings.push(fail(`${unit} is not ordered before ${server}`));
    const script = '/usr/local/lib/gabarit/ssh-host-keys';
    const stat = await rootfs.stat(script);
    if (!stat || (stat.mode & 0o111) === 0) findings.push(fail(`${script} is missing or cannot be run`));
    return findings;
  },
);

const oneDoor = stepCheck(
  'ssh',
  'ssh-one-door',
  'SSH answers on its port only, not on VSOCK or local sockets',
  async ({ rootfs }) => {
    const generator = 'systemd-ssh-generator';
    const shipped = await rootfs.stat(`/usr/lib/systemd/system-generators/${generator}`);
    const masked = (await rootfs.readLink(`/etc/systemd/system-generators/${generator}`)) === '/dev/null';
    const findings =
      shipped && !masked ? [fail(`/etc/systemd/system-generators/${generator} does not mask systemd's own sockets`)] : [];
    for (const socket of ['ssh.socket', 'sshd.socket'])
      if (await isEnabled(rootfs, socket))
        findings.push(fail(`${socket} is enabled beside ${socket.replace('socket', 'service')}`));
    return findings;
  },
);

const files = stepCheck(
  'ssh',
  'ssh-files',
  'The configuration of the SSH server is readable by root alone',
  async ({ rootfs }) => {
    const findings = [];
    const inEtc = (await rootfs.stat('/etc/ssh/sshd_config')) || !(await rootfs.stat('/usr/etc/ssh/sshd_config'));
    const paths = [
      ...(inEtc ? ['/etc/ssh/sshd_config'] : []),
      ...(await rootfs.list('/etc/ssh/sshd_config.d')).map((name) => `/etc/ssh/sshd_config.d/${name}`),
    ];
    for (const path of paths) {
      const stat = await rootfs.stat(path);
      if (!stat) findings.push(fail(`${path} is missing`));
      else if (stat.uid !== 0 || (stat.mode & 0o077) !== 0)
        findings.push(fail(`${path} has mode ${stat.mode.toString(8)} and owner ${stat.uid}`));
    }
    return findings;
  },
);

export const sshServerChecks: RootfsCheck[] = [access, algorithms, hostKeys, oneDoor, files];
