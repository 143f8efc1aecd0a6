import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { rootfsChecks } from '../../src/checks/index.ts';
import { readRpmDatabase } from '../../src/disk/rpm-database.ts';
import { takeInventory } from '../../src/evidence/index.ts';
import type { Finding, Rootfs } from '../../src/model/check.ts';
import type { Plan } from '../../src/model/plan.ts';
import { shippedSteps, templateSchema } from '../../src/model/template.ts';
import { exec } from '../../src/util/exec.ts';
import { folderRootfs, inTree, listTree, removeTree } from '../real-tree.ts';
import { recordedCalls, rpmQuery, runStagedStep, type StagedId, staged, stageTree } from '../rpm-tree.ts';
import { needs, needsRoot } from '../tools.ts';

/** The steps and the checks on the families of dnf and zypper: in staged trees, see test/rpm-tree.ts. */

/** Each is a tree of its own and takes a while: the others are left to the slow tests. */
const ids: StagedId[] =
  process.env['GABARIT_SLOW'] === undefined ? ['rocky-9', 'opensuse-15.6'] : (Object.keys(staged) as StagedId[]);
const skip = needs('mmdebstrap', 'unshare', 'chroot', 'rpm', 'rpmbuild', 'dnf', 'zypper') || needsRoot();

/** Needs the file system of a whole disk, a kernel, or the history of a whole build. */
const needsDisk = new Set([
  'boot-files-present',
  'file-capabilities-known',
  'free-space-zero',
  'initramfs-drivers',
  'initramfs-generic',
  'kernel-arguments',
  'root-identity',
  'size-budget',
  'secrets-absent',
  'files-have-owners',
  'device-files-absent',
  'world-writable-absent',
  'package-files-unchanged',
]);
const checks = rootfsChecks.filter(({ id }) => !needsDisk.has(id));

function planFor(id: StagedId): Plan {
  const [distro = '', release = ''] = id.split('-');
  const template = templateSchema.parse({ name: 'staged', distro, release });
  const provisioning = shippedSteps.map((name) => ({ kind: 'step' as const, name, environment: {} }));
  return {
    template,
    guestSources: '',
    provisioning,
    lock: { packages: [] },
    medium: { url: 'https://mirror.example/image' },
  } as unknown as Plan;
}

/** A folder has no extended attributes that a test could rely on. */
function rootfsOf(tree: string): Rootfs {
  return { ...folderRootfs(tree), xattrs: async () => ({}) };
}

async function failuresOf(tree: string, id: StagedId, only?: string): Promise<string[]> {
  const found: string[] = [];
  const [rootfs, plan] = [rootfsOf(tree), planFor(id)];
  for (const check of checks.filter((candidate) => only === undefined || candidate.id === only)) {
    const findings: Finding[] = await check.run({ rootfs, plan, artifacts: {} }, { signal: AbortSignal.timeout(60_000) });
    found.push(...findings.filter(({ status }) => status === 'fail').map(({ message }) => `${check.id}: ${message}`));
  }
  return found;
}

interface Defect {
  on: StagedId;
  check: string;
  plant: string;
  names: string;
}

const wants = 'etc/systemd/system/multi-user.target.wants';
const fallback = 'etc/NetworkManager/system-connections/gabarit-fallback.nmconnection';

const defects: Defect[] = [
  { on: 'rocky-9', check: 'locale', plant: 'echo LANG=de_DE.UTF-8 > etc/locale.conf', names: '/etc/locale.conf' },
  {
    on: 'rocky-9',
    check: 'network',
    plant: `rm ${wants}/NetworkManager.service`,
    names: 'NetworkManager.service is not enabled',
  },
  { on: 'rocky-9', check: 'network-fallback', plant: `rm ${fallback}`, names: 'gabarit-fallback.nmconnection is missing' },
  { on: 'rocky-9', check: 'network-fallback', plant: `chmod 644 ${fallback}`, names: 'NetworkManager ignores it' },
  {
    on: 'rocky-9',
    check: 'network-fallback',
    plant: `sed -i '/^id=/a interface-name=ens3' ${fallback}`,
    names: 'interface-name=ens3',
  },
  {
    on: 'rocky-9',
    check: 'network-wait',
    plant: 'rm -r etc/systemd/system/NetworkManager-wait-online.service.d',
    names: 'no ExecStart',
  },
  {
    on: 'rocky-9',
    check: 'package-sources',
    plant: 'sed -i s/gpgcheck=1/gpgcheck=0/ etc/yum.repos.d/rocky.repo',
    names: '[baseos]',
  },
  {
    on: 'rocky-9',
    check: 'package-sources',
    plant: 'echo proxy=http://192.0.2.1:3128 >> etc/dnf/dnf.conf',
    names: '/etc/dnf/dnf.conf has a proxy',
  },
  { on: 'rocky-9', check: 'package-sources', plant: 'rm etc/yum.repos.d/rocky.repo', names: 'no repository is enabled' },
  {
    on: 'rocky-9',
    check: 'upgrade-timers',
    plant:
      'mkdir -p etc/systemd/system/timers.target.wants; ln -s /usr/lib/systemd/system/dnf-makecache.timer etc/systemd/system/timers.target.wants/',
    names: 'dnf-makecache.timer',
  },
  { on: 'rocky-9', check: 'time-sync', plant: `rm ${wants}/chronyd.service`, names: '0 time services' },
  {
    on: 'rocky-9',
    check: 'cloud-init-network',
    plant: "sed -i 's/renderers:.*/renderers: [ netplan, eni ]/' etc/cloud/cloud.cfg.d/90-gabarit.cfg",
    names: 'netplan, eni',
  },
  {
    on: 'rocky-9',
    check: 'guest-agent-xen',
    plant: `rm ${wants}/xe-linux-distribution.service`,
    names: 'xe-linux-distribution.service is not enabled',
  },
  {
    on: 'rocky-9',
    check: 'guest-agent-vmware',
    plant: 'ln -sf /dev/null etc/systemd/system/vmtoolsd.service',
    names: 'vmtoolsd.service is masked',
  },
  {
    on: 'rocky-9',
    check: 'ssh-access',
    plant: 'rm etc/ssh/sshd_config.d/10-gabarit.conf',
    names: '50-redhat.conf sets x11forwarding',
  },
  {
    on: 'rocky-8',
    check: 'ssh-access',
    plant: 'sed -i "/^# --- gabarit/,/^# --- end/d" etc/ssh/sshd_config',
    names: '/etc/ssh/sshd_config sets permitrootlogin to yes',
  },
  { on: 'rocky-9', check: 'ssh-host-keys-made', plant: `rm ${wants}/sshd.service`, names: 'sshd.service is not enabled' },
  { on: 'rocky-9', check: 'setuid-programs', plant: 'chmod 4755 usr/sbin/pam_timestamp_check', names: 'pam_timestamp_check' },
  {
    on: 'rocky-9',
    check: 'subscription-absent',
    plant: 'mkdir -p etc/pki/consumer; echo x > etc/pki/consumer/cert.pem',
    names: '/etc/pki/consumer/cert.pem',
  },
  { on: 'rocky-9', check: 'selinux-labels', plant: 'rm .autorelabel', names: '/etc/hostname has no SELinux label' },
  {
    on: 'rocky-9',
    check: 'package-caches-empty',
    plant: 'mkdir -p var/cache/dnf; echo x > var/cache/dnf/baseos.solv',
    names: '/var/cache/dnf/baseos.solv',
  },
  {
    on: 'rocky-9',
    check: 'package-database-sane',
    plant: 'dd if=/dev/zero of=var/lib/rpm/rpmdb.sqlite bs=4096 count=1 conv=notrunc 2>/dev/null',
    names: '/var/lib/rpm/rpmdb.sqlite cannot be read',
  },
  {
    on: 'rocky-9',
    check: 'cloud-init-clean',
    plant: 'echo x > etc/NetworkManager/system-connections/cloud-init-eth0.nmconnection',
    names: 'cloud-init-eth0.nmconnection',
  },
  {
    on: 'rocky-9',
    check: 'dhcp-leases-absent',
    plant: 'mkdir -p var/lib/NetworkManager; echo x > var/lib/NetworkManager/internal-1-eth0.lease',
    names: 'internal-1-eth0.lease',
  },
  { on: 'opensuse-15.6', check: 'network', plant: `rm ${wants}/wicked.service`, names: 'wicked.service is not enabled' },
  {
    on: 'opensuse-15.6',
    check: 'network-fallback',
    plant: 'rm etc/sysconfig/network/ifcfg-eth0',
    names: 'ifcfg-eth0 is missing',
  },
  {
    on: 'opensuse-15.6',
    check: 'network-wait',
    plant: 'sed -i \'s/^WAIT_FOR.*/WAIT_FOR_INTERFACES="600"/\' etc/sysconfig/network/config',
    names: '600',
  },
  {
    on: 'opensuse-15.6',
    check: 'package-sources',
    plant: 'echo gpgcheck = off >> etc/zypp/zypp.conf',
    names: '/etc/zypp/zypp.conf switches gpgcheck off',
  },
  { on: 'opensuse-15.6', check: 'sudo', plant: 'echo "ALL ALL=(ALL) ALL" >> etc/sudoers', names: 'lets everybody do everything' },
  {
    on: 'opensuse-15.6',
    check: 'subscription-absent',
    plant: 'mkdir -p var/lib/zypp; echo x > var/lib/zypp/AnonymousUniqueId',
    names: 'AnonymousUniqueId',
  },
  {
    on: 'opensuse-15.6',
    check: 'package-caches-empty',
    plant: 'mkdir -p var/cache/zypp; echo x > var/cache/zypp/solv',
    names: '/var/cache/zypp/solv',
  },
  { on: 'opensuse-16.0', check: 'umask', plant: 'rm etc/login.defs.d/60-gabarit.defs', names: 'UMASK' },
  { on: 'opensuse-16.0', check: 'ssh-files', plant: 'chmod 644 etc/ssh/sshd_config.d/10-gabarit.conf', names: '10-gabarit.conf' },
];

describe.skipIf(skip).each(ids)('the provisioning steps on %s', (id) => {
  let folder = '';
  let tree = '';

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'gabarit-rpm-tree-'));
    tree = join(folder, 'tree');
    await stageTree(id, folder, tree);
  }, 600_000);
  afterAll(async () => {
    if (folder !== '') await removeTree(folder);
  });

  test('run and say nothing, and a second time change nothing', async () => {
    for (const step of shippedSteps) expect(await runStagedStep(tree, id, step)).toBe('');
    const before = await listTree(tree);
    for (const step of shippedSteps) expect(await runStagedStep(tree, id, step)).toBe('');
    expect(await listTree(tree)).toEqual(before);
  }, 120_000);

  test('and all checks hold', async () => {
    expect(await failuresOf(tree, id)).toEqual([]);
  });

  test('sshd takes its configuration and offers nothing weak', async () => {
    const main = id === 'opensuse-16.0' ? '-f /usr/etc/ssh/sshd_config' : '';
    const script = `mkdir /run/sshd && ssh-keygen -q -t ed25519 -N "" -f /run/key && sshd ${main} -T -h /run/key`;
    const { stdout } = await inTree(tree, ['sh', '-c', script]);
    const settings = stdout
      .split('\n')
      .filter((line) => /^(kexalgorithms|macs|ciphers|hostkeyalgorithms|pubkeyaccepted)/.test(line));
    expect(settings.length).toBe(5);
    expect(settings.join('\n')).not.toMatch(/sha1\b|ssh-rsa|ssh-dss|umac-64|-cbc|group14/);
    for (const line of [
      'permitrootlogin no',
      'passwordauthentication no',
      'x11forwarding no',
      'disableforwarding yes',
      'usepam yes',
    ])
      expect(stdout).toContain(`\n${line}\n`);
  });

  test('cloud-init itself reads what was meant', async () => {
    const program = [
      'import json',
      'from cloudinit import stages',
      'init = stages.Init(); init.read_cfg(); cfg = init._cfg',
      "user = cfg['system_info']['default_user']",
      "print(json.dumps([cfg['datasource_list'], user['name'], user['sudo'], cfg['system_info']['network']['renderers']]))",
    ].join('\n');
    const { stdout } = await inTree(tree, ['python3', '-B', '-c', program]);
    const renderers = id === 'opensuse-15.6' ? ['sysconfig'] : ['network-manager', 'sysconfig'];
    expect(JSON.parse(stdout)).toEqual([
      ['NoCloud', 'ConfigDrive', 'None'],
      id.split('-')[0],
      ['ALL=(ALL) NOPASSWD:ALL'],
      renderers,
    ]);
  });

  test('rpm, and dnf or zypper, find their database as it was', async () => {
    const packages = Object.keys(staged[id].packages).toSorted();
    expect((await rpmQuery(tree, id, ['-qa', '--qf', '%{NAME}\n'])).trim().split('\n').toSorted()).toEqual(packages);
    // Edited: what the steps say of themselves (configuration), and modes that hardening takes.
    const verified = (await rpmQuery(tree, id, ['-Va', '--nomtime', '--nodeps']))
      .split('\n')
      .filter((line) => line !== '' && !/^\S+ {2}c /.test(line));
    expect(verified.filter((line) => !/^\.M\.{7} {4}|^\.M\.{6} {5}/.test(line))).toEqual([]);
    const command = id.startsWith('rocky')
      ? ['dnf', `--installroot=${tree}`, '--releasever=9', '--setopt=reposdir=/nonexistent', '-q', 'list', '--installed']
      : ['zypper', '--root', tree, '--no-refresh', '--non-interactive', '--quiet', 'search', '--installed-only'];
    // Debian's rpm has its database in the home folder, unless it is told.
    await writeFile(join(folder, '.rpmmacros'), `%_dbpath ${staged[id].database.path}\n`);
    // 106: zypper has not asked the repositories, which is right.
    const { stdout } = await exec(command, { env: { HOME: folder }, okExitCodes: [0, 106] });
    for (const name of packages) expect(stdout).toContain(name);
    // The commands of this host have left their logs and locks in the tree.
    await exec(['sh', '-c', 'rm -rf run/* tmp/*'], { cwd: tree });
    await runStagedStep(tree, id, 'seal');
    expect(await failuresOf(tree, id)).toEqual([]);
  });

  test('the inventory lists the packages as rpm does', async () => {
    const { packages } = await takeInventory(rootfsOf(tree));
    const asked = (await rpmQuery(tree, id, ['-qa', '--qf', '%{NAME}:%{ARCH} %{EPOCH}:%{VERSION}-%{RELEASE}\n']))
      .trim()
      .split('\n');
    expect(
      Object.entries(packages)
        .map(([name, version]) => `${name} ${version}`)
        .toSorted(),
    ).toEqual(asked.toSorted());
    const database = await readRpmDatabase(rootfsOf(tree));
    const paths = (await rpmQuery(tree, id, ['-qal'])).trim().split('\n').toSorted();
    expect(database?.packages.flatMap(({ files }) => files.map(({ path }) => path)).toSorted()).toEqual(paths);
  });

  test('traces of a machine and of a vendor are gone', async () => {
    const before = new Set(await listTree(tree));
    const plant = `ssh-keygen -A; cat /proc/sys/kernel/random/uuid > /etc/machine-id
      for f in /etc/pki/consumer/cert.pem /etc/pki/entitlement/1.pem /var/lib/rhsm/cache/x /etc/insights-client/machine-id /var/lib/zypp/AnonymousUniqueId /etc/zypp/credentials.d/SCCcredentials \\
        /etc/NetworkManager/system-connections/ens3.nmconnection /etc/NetworkManager/system-connections/cloud-init-eth0.nmconnection /etc/sysconfig/network-scripts/ifcfg-ens3 /var/lib/NetworkManager/secret_key \\
        /var/lib/dhclient/dhclient.leases /var/lib/wicked/duid.xml /var/cache/dnf/x/y /var/cache/zypp/x/y /root/anaconda-ks.cfg /var/lib/rpm/__db.001 /etc/dnf/dnf.conf.rpmnew /var/lib/dnf/repos/x/countme
      do mkdir -p "\${f%/*}"; echo x > "$f"; done; echo nameserver 192.0.2.1 > /etc/resolv.conf`;
    await inTree(tree, ['sh', '-c', plant]);
    expect(await runStagedStep(tree, id, 'seal')).toBe('');
    const added = (await listTree(tree))
      .filter((line) => !before.has(line) && !line.startsWith('directory'))
      .map((line) => line.split(' ')[3] ?? '');
    expect(added).toEqual(['/etc/resolv.conf']);
    expect(await readFile(join(tree, 'etc/resolv.conf'), 'utf8')).toBe('');
  });

  test('the engine that asks for it gets kernel arguments and drivers by the tools of the family', async () => {
    const modules = {
      GABARIT_KERNEL_ARGUMENTS: 'console=tty0 console=ttyS0,115200n8',
      GABARIT_INITRAMFS_MODULES: 'virtio_blk xen_blkfront',
    };
    expect(await runStagedStep(tree, id, 'base', modules)).toBe('');
    expect(await readFile(join(tree, 'etc/default/grub'), 'utf8')).toContain(
      'GRUB_CMDLINE_LINUX="console=tty0 console=ttyS0,115200n8"\n',
    );
    expect(await readFile(join(tree, 'etc/dracut.conf.d/50-gabarit.conf'), 'utf8')).toContain(
      'add_drivers+=" virtio_blk xen_blkfront "',
    );
    expect(await recordedCalls(tree)).toEqual([
      'grub2-mkconfig -o /boot/grub2/grub.cfg',
      'dracut --force --regenerate-all --no-hostonly --quiet',
    ]);
  });

  test('parameters and packages that the family has not are refused by name', async () => {
    const refused = (step: string, env: Record<string, string>): Promise<string> =>
      runStagedStep(tree, id, step, env).catch((error: unknown) => String(error));
    expect(await refused('base', { GABARIT_WITH_RESOLVERS: '192.0.2.53' })).toContain(
      'parameter resolvers needs systemd-resolved',
    );
    expect(await refused('base', { GABARIT_LOCALE: 'xx_XX.UTF-8' })).toContain(
      id.startsWith('rocky') ? 'glibc-langpack-xx' : 'glibc-locale',
    );
    expect(await refused('base', { GABARIT_SOURCES: 'Types: deb' })).toContain("apt's form");
  });

  test.each(defects.filter(({ on }) => on === id))('$check fails after: $plant', async ({ check, plant, names }) => {
    const saved = join(folder, 'saved');
    await exec(['sh', '-c', `[ -e "$1" ] || { mkdir "$1"; cp -a etc var "$1"; }`, 'sh', saved], { cwd: tree });
    const modes = 'chmod 0755 usr/sbin/pam_timestamp_check; [ ! -e etc/selinux ] || : > .autorelabel';
    try {
      await exec(['sh', '-c', plant], { cwd: tree });
      const found = await failuresOf(tree, id, check);
      expect(found.join('\n')).toContain(names);
    } finally {
      for (const name of ['etc', 'var']) {
        await rm(join(tree, name), { recursive: true });
        await exec(['cp', '-a', join(saved, name), join(tree, name)]);
      }
      await exec(['sh', '-c', modes], { cwd: tree });
    }
    expect(await failuresOf(tree, id, check)).toEqual([]);
  });

  // The last one: the tree says of itself what it is not.
  test('refuse a system that is not known, each by its own word', async () => {
    await writeFile(join(tree, 'usr/lib/os-release'), 'ID=plan9\n');
    for (const step of shippedSteps) {
      const said = await runStagedStep(tree, id, step).catch((error: unknown) => String(error));
      expect(said).toContain('names a system that is not known: plan9');
    }
  });
});
