import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { baseSystemChecks } from '../../src/checks/base-system.ts';
import { cloudInitChecks } from '../../src/checks/cloud-init.ts';
import { guestAgentChecks } from '../../src/checks/guest-agents.ts';
import { hardeningKernelChecks } from '../../src/checks/hardening-kernel.ts';
import { hardeningChecks } from '../../src/checks/hardening.ts';
import { networkChecks } from '../../src/checks/network.ts';
import { packageSources } from '../../src/checks/package-sources.ts';
import { sshServerChecks } from '../../src/checks/ssh-server.ts';
import type { Finding, RootfsCheck } from '../../src/model/check.ts';
import type { Plan } from '../../src/model/plan.ts';
import { shippedSteps, templateSchema } from '../../src/model/template.ts';
import { exec } from '../../src/util/exec.ts';
import { defects } from '../provision-defects.ts';
import {
  copyTree,
  folderRootfs,
  guestSources,
  inTree,
  listTree,
  pristineTree,
  type ReleaseId,
  releases,
  removeTree,
  runStep,
} from '../real-tree.ts';
import { needs, needsRoot } from '../tools.ts';

const checks = [
  ...baseSystemChecks,
  ...networkChecks,
  packageSources,
  ...cloudInitChecks,
  ...guestAgentChecks,
  ...sshServerChecks,
  ...hardeningChecks,
  ...hardeningKernelChecks,
];

/** As much of a plan as these checks read. */
function planFor(release: ReleaseId): Plan {
  const template = templateSchema.parse({ name: `debian-${release}`, distro: 'debian', release });
  const provisioning = shippedSteps.map((name) => ({ kind: 'step' as const, name, environment: {} }));
  return { template, guestSources: guestSources(release), provisioning } as unknown as Plan;
}

async function findingsOf(check: RootfsCheck, tree: string, plan: Plan): Promise<Finding[]> {
  const findings = await check.run({ rootfs: folderRootfs(tree), plan, artifacts: {} }, { signal: AbortSignal.timeout(30_000) });
  return findings.filter(({ status }) => status !== 'pass');
}

const skip = needs('mmdebstrap', 'unshare', 'chroot', 'systemd-analyze') || needsRoot();

describe.skipIf(skip).each(Object.keys(releases) as ReleaseId[])('the provisioning steps on Debian %s', (release) => {
  const plan = planFor(release);
  let folder = '';
  let tree = '';

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'gabarit-provision-'));
    tree = join(folder, 'tree');
    await copyTree(await pristineTree(release, folder), tree);
  }, 600_000);
  afterAll(async () => {
    if (folder !== '') await removeTree(folder);
  });

  test.each(shippedSteps)('%s runs and says nothing', async (step) => {
    const { stdout, stderr } = await runStep(tree, release, step);
    expect(stdout + stderr).toBe('');
  });

  test('all of them a second time change nothing', async () => {
    const before = await listTree(tree);
    for (const step of shippedSteps) await runStep(tree, release, step);
    expect(await listTree(tree)).toEqual(before);
  });

  test.each(checks.map((check) => [check.id, check] as const))('check %s holds', async (_, check) => {
    expect(await findingsOf(check, tree, plan)).toEqual([]);
  });

  test('sshd takes its configuration and offers nothing weak', async () => {
    const script = 'mkdir /run/sshd && ssh-keygen -q -t ed25519 -N "" -f /run/key && sshd -t -h /run/key && sshd -T -h /run/key';
    const { stdout } = await inTree(tree, ['sh', '-c', script]);
    const settings = stdout
      .split('\n')
      .filter((line) => /^(kexalgorithms|macs|ciphers|hostkeyalgorithms|pubkeyaccepted)/.test(line));
    expect(settings.length).toBe(5);
    expect(settings.join('\n')).not.toMatch(/sha1\b|ssh-rsa|ssh-dss|umac-64|-cbc|group14/);
    expect(settings.join('\n')).toContain('curve25519-sha256');
    for (const line of [
      'permitrootlogin no',
      'passwordauthentication no',
      'kbdinteractiveauthentication no',
      'disableforwarding yes',
    ]) {
      expect(stdout).toContain(`\n${line}\n`);
    }
  });

  test('systemd finds no fault in the units', async () => {
    const units = ['gabarit-grow-root', 'gabarit-ssh-host-keys', 'gabarit-xen-agent', 'ssh', 'systemd-networkd-wait-online'];
    const { stderr } = await exec(
      ['systemd-analyze', `--root=${tree}`, '--man=no', 'verify', ...units.map((unit) => `${unit}.service`)],
      { okExitCodes: [0, 1] },
    );
    // This host's systemd may be older than the tree's and know less; what counts is said of our units.
    expect(stderr.split('\n').filter((line) => /^gabarit-|gabarit-(grow|ssh|xen)[a-z-]*\.service:/.test(line))).toEqual([]);
  });

  test('cloud-init itself reads the configuration that was meant, and has a renderer for the network', async () => {
    const program = [
      'import json',
      'from cloudinit import stages',
      'from cloudinit.net import renderers',
      'init = stages.Init(); init.read_cfg(); cfg = init._cfg',
      "print(json.dumps([cfg['datasource_list'], cfg['system_info']['default_user'], renderers.select(priority=cfg['system_info']['network']['renderers'])[0]]))",
    ].join('\n');
    const { stdout } = await inTree(tree, ['python3', '-B', '-c', program]);
    expect(JSON.parse(stdout)).toEqual([
      ['NoCloud', 'ConfigDrive', 'None'],
      {
        name: 'debian',
        gecos: 'debian',
        lock_passwd: true,
        groups: ['adm', 'systemd-journal'],
        sudo: ['ALL=(ALL) NOPASSWD:ALL'],
        shell: '/bin/bash',
      },
      'netplan',
    ]);
  });

  test('kernel arguments get into a boot menu that is not ours, over what a vendor set, or must be there', async () => {
    const menu = join(tree, 'boot/grub/grub.cfg');
    const settings = join(tree, 'etc/default/grub.d');
    const updateGrub = join(tree, 'usr/sbin/update-grub');
    await mkdir(join(tree, 'boot/grub'), { recursive: true });
    await writeFile(menu, 'linux /vmlinuz ro console=tty0 console=ttyS0,115200n8\n');
    const base = (words: string): Promise<string> =>
      runStep(tree, release, 'base', { GABARIT_KERNEL_ARGUMENTS: words }).then(
        ({ stdout, stderr }) => stdout + stderr,
        (error: unknown) => String(error),
      );
    expect(await base('console=tty0 console=ttyS0,115200n8')).toBe('');
    expect(await base('console=tty0 nokaslr')).toContain('lacks "nokaslr", and there is no update-grub to write it anew');
    try {
      await mkdir(settings, { recursive: true });
      await writeFile(join(settings, '50-cloudimg-settings.cfg'), 'GRUB_CMDLINE_LINUX_DEFAULT="console=tty1 quiet"\n');
      // What grub-mkconfig reads, in its order.
      const reads = 'for f in /etc/default/grub.d/*.cfg; do . "$f"; done';
      await writeFile(
        updateGrub,
        `#!/bin/sh\n${reads}\necho "$GRUB_CMDLINE_LINUX|$GRUB_CMDLINE_LINUX_DEFAULT" >/boot/grub/grub.cfg\n`,
        {
          mode: 0o755,
        },
      );
      expect(await base('console=tty0 nokaslr')).toBe('');
      expect(await readFile(menu, 'utf8')).toBe('console=tty0 nokaslr|\n');
    } finally {
      for (const path of [join(tree, 'boot/grub'), settings, updateGrub]) await rm(path, { recursive: true, force: true });
    }
  });

  test('sysctl takes the settings of the network', async () => {
    // Only these belong to the network namespace that the command runs in; the others would change this host.
    const { stdout, stderr } = await inTree(tree, [
      'sysctl',
      '-p',
      '/etc/sysctl.d/60-gabarit.conf',
      '--pattern',
      '^net\\.ipv4\\.',
    ]);
    expect(stderr).toBe('');
    expect(stdout.trim().split('\n').length).toBe(13);
  });

  test('apt-get update works after the seal, and dpkg is content', async () => {
    const source = 'deb [trusted=yes] file:/run/repository ./';
    const script = `mkdir /run/repository && : > /run/repository/Packages && echo '${source}' > /run/list
      apt-get -qq update -o Dir::Etc::sourcelist=/run/list -o Dir::Etc::sourceparts=- && dpkg --audit && apt-get -qq check
      dpkg -V | grep -v ' c /etc/' || true; rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin`;
    const { stdout, stderr } = await inTree(tree, ['sh', '-c', script]);
    expect(stdout + stderr).toBe('');
    await runStep(tree, release, 'seal');
  });

  test('traces of a machine and of a build are gone', async () => {
    const plant = `ssh-keygen -A; cat /proc/sys/kernel/random/uuid > /etc/machine-id; cp /etc/machine-id /var/lib/dbus/
      mkdir -p /var/lib/cloud/instance /root/.ssh /var/lib/dhcp /etc/nvme /etc/iscsi; echo k > /root/.ssh/authorized_keys; echo l > /var/lib/dhcp/dhclient.leases
      for f in /var/lib/systemd/random-seed /var/log/cloud-init.log /var/log/syslog /var/log/syslog.1 /var/log/wtmp /root/.bash_history /etc/shadow- /etc/x~ \\
        /etc/y.dpkg-old /tmp/a /var/tmp/.b /usr/sbin/policy-rc.d /var/cache/apt/pkgcache.bin /var/lib/apt/lists/x /etc/nvme/hostid /etc/iscsi/initiatorname.iscsi \\
        /etc/udev/rules.d/70-persistent-net.rules /var/cache/debconf/passwords.dat /etc/netplan/50-cloud-init.yaml /etc/sudoers.d/90-cloud-init-users
      do echo x > $f; done; echo built > /etc/hostname; rm /etc/resolv.conf; echo nameserver 192.0.2.1 > /etc/resolv.conf; echo root:secret | chpasswd`;
    const before = new Set(await listTree(tree));
    await inTree(tree, ['sh', '-c', plant]);
    const { stdout } = await runStep(tree, release, 'seal');
    expect(stdout).toBe('seal: locked the password of root\n');
    const added = (await listTree(tree)).filter((line) => !before.has(line));
    // Folders and empty logs may stay, and root's password is locked in another way than before.
    const files = added.filter((line) => !line.startsWith('directory')).map((line) => line.split(' ')[3]);
    expect(files.filter((path) => path !== '/etc/shadow')).toEqual(['/var/log/syslog']);
    expect(await readFile(join(tree, 'var/log/syslog'), 'utf8')).toBe('');
    expect(await readFile(join(tree, 'etc/shadow'), 'utf8')).toMatch(/^root:!/m);
  });

  test('people in the image are refused, the account that built it is removed', async () => {
    await inTree(tree, ['useradd', '-m', 'builder']);
    const refused = await runStep(tree, release, 'seal').catch((error: unknown) => String(error));
    expect(refused).toContain('found: builder');
    await runStep(tree, release, 'seal', { GABARIT_WITH_BUILD_USER: 'builder' });
    expect(await readFile(join(tree, 'etc/passwd'), 'utf8')).not.toContain('builder');
  });

  describe.skipIf(needs('systemd-nspawn'))('booted in a container without a seed', () => {
    test('runs with no failed unit, its own host keys and SSH', async () => {
      const booted = join(folder, 'booted');
      await copyTree(tree, booted);
      const report =
        'systemctl is-system-running --wait; systemctl --failed --no-legend --plain; systemctl is-active ssh; ls /etc/ssh; systemctl --no-block poweroff';
      await writeFile(
        join(booted, 'etc/systemd/system/report.service'),
        `[Unit]\nAfter=multi-user.target\n[Service]\nType=simple\nStandardOutput=file:/report\nExecStart=/bin/sh -c '${report}'\n`,
      );
      await exec(['ln', '-s', '../report.service', join(booted, 'etc/systemd/system/multi-user.target.wants/report.service')]);
      await exec(
        [
          'systemd-nspawn',
          ...'--quiet --boot --register=no --keep-unit --private-network'.split(' '),
          `--machine=gabarit-${process.pid}`,
          `--directory=${booted}`,
        ],
        { timeoutMs: 120_000, okExitCodes: [0, 1, 133], stdout: 'lines' },
      );
      const lines = (await readFile(join(booted, 'report'), 'utf8')).trim().split('\n');
      await removeTree(booted);
      expect(lines[0]).toBe('running');
      expect(lines[1]).toBe('active');
      expect(lines).toContain('ssh_host_ed25519_key');
    }, 180_000);
  });
});

describe.skipIf(skip)('a planted defect', () => {
  const release = '12';
  const plan = planFor(release);
  let folder = '';
  let tree = '';

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'gabarit-defects-'));
    tree = join(folder, 'tree');
    await copyTree(await pristineTree(release, folder), tree);
    for (const step of shippedSteps) await runStep(tree, release, step);
    await exec(['cp', '-a', join(tree, 'etc'), join(folder, 'etc')]);
  }, 600_000);
  afterAll(async () => {
    if (folder !== '') await removeTree(folder);
  });

  test('is tried for every check', () => {
    const tried = new Set(defects.map(({ check }) => check));
    expect(checks.map(({ id }) => id).filter((id) => !tried.has(id))).toEqual([]);
  });

  test.each(defects)('$check fails after: $plant', async ({ check: id, plant, names, undo }) => {
    const check = checks.find((candidate) => candidate.id === id);
    if (!check) throw new Error(`no check has the id ${id}`);
    try {
      await exec(['sh', '-c', plant], { cwd: tree });
      const findings = await findingsOf(check, tree, plan);
      expect(findings.map(({ status }) => status)).toContain('fail');
      expect(findings.map(({ message }) => message).join('\n')).toContain(names);
    } finally {
      await rm(join(tree, 'etc'), { recursive: true });
      await exec(['cp', '-a', join(folder, 'etc'), join(tree, 'etc')]);
      if (undo) await exec(['sh', '-c', undo], { cwd: tree });
    }
    expect(await findingsOf(check, tree, plan)).toEqual([]);
  });

  test('a check is skipped where its step is switched off', async () => {
    const without = { ...plan, provisioning: [] } as Plan;
    for (const check of checks) {
      expect((await findingsOf(check, tree, without)).map(({ status }) => status)).toEqual(['skip']);
    }
  });
});
