import { chmod, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { exec } from '../src/util/exec.ts';
import { copyTree, inTree, pristineTree } from './real-tree.ts';

/**
 * Trees of the systems with rpm, staged: the programs are those of a real Debian tree (sh, systemd, sshd, sudo, cloud-init), everything
 * that tells the families apart is laid out as theirs is, and brought by packages that rpmbuild made and rpm installed, so that
 * the database of rpm is a real one.
 */

export type StagedId = 'rocky-8' | 'rocky-9' | 'opensuse-15.6' | 'opensuse-16.0';

interface StagedFile {
  text: string;
  mode?: number;
  config?: boolean;
}

interface Staged {
  osRelease: string;
  /** The place of rpm's database; SQLite each time. */
  database: { path: string };
  packages: Record<string, Record<string, StagedFile>>;
  /** Done in the tree before the packages come. */
  prepare: string;
}

const unit = (description: string, start: string, more = ''): StagedFile => ({
  text: `[Unit]\nDescription=${description}\n${more}\n[Service]\nExecStart=${start}\n\n[Install]\nWantedBy=multi-user.target\n`,
});
const timer = (description: string): StagedFile => ({
  text: `[Unit]\nDescription=${description}\n\n[Timer]\nOnBootSec=10min\n\n[Install]\nWantedBy=timers.target\n`,
});
const program = (mode = 0o755): StagedFile => ({ text: '#!/bin/sh\n', mode });
const config = (text: string): StagedFile => ({ text, config: true });
const units = '/usr/lib/systemd/system';

const vmware = 'ConditionVirtualization=vmware\n';
const common: Staged['packages'] = {
  'qemu-guest-agent': {
    [`${units}/qemu-guest-agent.service`]: {
      text: '[Unit]\nDescription=QEMU Guest Agent\nBindsTo=dev-virtio\\x2dports-org.qemu.guest_agent.0.device\n\n[Service]\nExecStart=/usr/bin/qemu-ga\n\n[Install]\nWantedBy=dev-virtio\\x2dports-org.qemu.guest_agent.0.device\n',
    },
    '/usr/lib/udev/rules.d/99-qemu-guest-agent.rules': {
      text: 'SUBSYSTEM=="virtio-ports", ATTR{name}=="org.qemu.guest_agent.0", TAG+="systemd" ENV{SYSTEMD_WANTS}="qemu-guest-agent.service"\n',
    },
  },
  'open-vm-tools': {
    [`${units}/vmtoolsd.service`]: unit('Service for virtual machines hosted on VMware', '/usr/bin/vmtoolsd', vmware),
    [`${units}/vgauthd.service`]: unit('VGAuth Service for open-vm-tools', '/usr/bin/VGAuthService -s', vmware),
  },
  chrony: {
    [`${units}/chronyd.service`]: unit('NTP client/server', '/usr/sbin/chronyd -n'),
    '/etc/chrony.conf': config('pool pool.example iburst\n'),
  },
};
const networkManager: Staged['packages'] = {
  NetworkManager: {
    [`${units}/NetworkManager.service`]: unit('Network Manager', '/usr/sbin/NetworkManager --no-daemon'),
    [`${units}/NetworkManager-wait-online.service`]: {
      text: '[Unit]\nDescription=Network Manager Wait Online\n\n[Service]\nType=oneshot\nExecStart=/usr/bin/nm-online -s -q\nEnvironment=NM_ONLINE_TIMEOUT=60\n\n[Install]\nWantedBy=network-online.target\n',
    },
    '/etc/NetworkManager/NetworkManager.conf': config('[main]\nplugins=keyfile\n'),
  },
};

function enterprise(id: 'rocky', version: '8' | '9'): Staged {
  const point = version === '8' ? '8.10' : '9.8';
  return {
    osRelease: `NAME="Rocky Linux"\nVERSION="${point}"\nID="${id}"\nID_LIKE="rhel centos fedora"\nVERSION_ID="${point}"\nPLATFORM_ID="platform:el${version}"\nPRETTY_NAME="Rocky Linux ${point}"\n`,
    // The eighth's own database is Berkeley's, which newer versions of rpm read, but do not write.
    database: { path: '/var/lib/rpm' },
    prepare: 'rm -f usr/bin/xenstore* usr/sbin/xenstore* usr/lib/systemd/system/systemd-timesyncd.service',
    packages: {
      ...common,
      ...networkManager,
      'rocky-release': {
        '/etc/rocky-release': config(`Rocky Linux release ${point}\n`),
        '/etc/yum.repos.d/rocky.repo': config(
          '[baseos]\nname=BaseOS\nbaseurl=http://mirror.example/rocky/BaseOS\ngpgcheck=1\nenabled=1\ngpgkey=file:///etc/pki/rpm-gpg/RPM-GPG-KEY-Rocky\n',
        ),
      },
      dnf: {
        '/etc/dnf/dnf.conf': config('[main]\ngpgcheck=1\ninstallonly_limit=3\nclean_requirements_on_remove=True\nbest=True\n'),
        [`${units}/dnf-makecache.timer`]: timer('dnf makecache --timer'),
        [`${units}/dnf-makecache.service`]: unit('dnf makecache', '/usr/bin/dnf makecache --timer'),
      },
      'openssh-server': {
        [`${units}/sshd.service`]: unit('OpenSSH server daemon', '/usr/sbin/sshd -D', 'Wants=sshd-keygen.target\n'),
        [`${units}/sshd-keygen@.service`]: unit('OpenSSH %i Server Key Generation', '/usr/libexec/openssh/sshd-keygen %i'),
        '/etc/ssh/sshd_config': config(
          version === '8'
            ? 'HostKey /etc/ssh/ssh_host_rsa_key\nSyslogFacility AUTHPRIV\nPermitRootLogin yes\nPasswordAuthentication yes\nUsePAM yes\nX11Forwarding yes\nSubsystem sftp /usr/libexec/openssh/sftp-server\n'
            : 'Include /etc/ssh/sshd_config.d/*.conf\nSubsystem sftp /usr/libexec/openssh/sftp-server\n',
        ),
        ...(version === '8'
          ? {}
          : {
              '/etc/ssh/sshd_config.d/50-redhat.conf': config(
                'SyslogFacility AUTHPRIV\nGSSAPIAuthentication yes\nUsePAM yes\nX11Forwarding yes\n',
              ),
            }),
        '/usr/libexec/openssh/ssh-keysign': program(0o4755),
      },
      pam: { '/usr/sbin/pam_timestamp_check': program(0o4755) },
      'grub2-tools-minimal': {
        '/usr/sbin/grub2-set-bootflag': program(0o4755),
        '/etc/default/grub': config('GRUB_TIMEOUT=5\nGRUB_CMDLINE_LINUX="rhgb quiet"\nGRUB_ENABLE_BLSCFG=true\n'),
      },
      'xe-guest-utilities-latest': {
        [`${units}/xe-linux-distribution.service`]: unit(
          'Linux Guest Agent',
          '/usr/sbin/xe-daemon',
          'ConditionVirtualization=xen\n',
        ),
      },
      'selinux-policy-targeted': {
        '/etc/selinux/config': config('SELINUX=enforcing\nSELINUXTYPE=targeted\n'),
        '/etc/selinux/targeted/contexts/files/file_contexts': { text: '/.* system_u:object_r:default_t:s0\n' },
      },
      'subscription-manager': { '/etc/rhsm/rhsm.conf': config('[server]\nhostname = subscription.example\n') },
    },
  };
}

function leap(version: '15.6' | '16.0'): Staged {
  const isOld = version === '15.6';
  return {
    osRelease: `NAME="openSUSE Leap"\nVERSION="${version}"\nID="opensuse-leap"\nID_LIKE="suse opensuse"\nVERSION_ID="${version}"\nPRETTY_NAME="openSUSE Leap ${version}"\n`,
    // Its backend is "ndb", which Debian's rpm does not write.
    database: { path: '/usr/lib/sysimage/rpm' },
    prepare: `sed -i '/^adm:/d' etc/group etc/gshadow${isOld ? '' : '; rm -f etc/login.defs'}`,
    packages: {
      ...common,
      ...(isOld
        ? {
            wicked: {
              [`${units}/wicked.service`]: unit('wicked managed network interfaces', '/usr/sbin/wicked ifup all'),
              '/etc/sysconfig/network/config': config('AUTO6_WAIT_AT_BOOT=""\nWAIT_FOR_INTERFACES="60"\n'),
              '/etc/sysconfig/network/ifcfg-lo': config('IPADDR=127.0.0.1/8\nSTARTMODE=nfsroot\n'),
            },
          }
        : networkManager),
      'openSUSE-release': {
        '/etc/zypp/repos.d/oss.repo': config(
          '[oss]\nenabled=1\nautorefresh=1\nbaseurl=http://mirror.example/leap/oss\ngpgcheck=1\n',
        ),
      },
      libzypp: {
        '/etc/zypp/zypp.conf': config('[main]\n# solver.onlyRequires = false\nmultiversion = provides:multiversion(kernel)\n'),
      },
      'openssh-server': {
        [`${units}/sshd.service`]: unit('OpenSSH Daemon', '/usr/sbin/sshd -D'),
        [isOld ? '/etc/ssh/sshd_config' : '/usr/etc/ssh/sshd_config']: {
          text: 'Include /etc/ssh/sshd_config.d/*.conf\nUsePAM yes\nX11Forwarding yes\nSubsystem sftp /usr/lib/ssh/sftp-server\n',
          config: isOld,
        },
        '/usr/lib/ssh/ssh-keysign': program(0o4755),
      },
      sudo: {
        '/etc/sudoers': {
          text: 'Defaults always_set_home\nDefaults targetpw   # ask for the password of the target user\nALL   ALL=(ALL) ALL   # WARNING\nroot ALL=(ALL) ALL\n@includedir /etc/sudoers.d\n',
          config: true,
          mode: 0o440,
        },
      },
      permissions: { '/etc/permissions.local': config('# local\n') },
      grub2: {
        '/etc/default/grub': config('GRUB_TIMEOUT=8\nGRUB_CMDLINE_LINUX=""\nGRUB_CMDLINE_LINUX_DEFAULT="splash=silent quiet"\n'),
      },
    },
  };
}

export const staged: Record<StagedId, Staged> = {
  'rocky-8': enterprise('rocky', '8'),
  'rocky-9': enterprise('rocky', '9'),
  'opensuse-15.6': leap('15.6'),
  'opensuse-16.0': leap('16.0'),
};

/** Takes out of a tree what Debian brought to tell itself by; runs with the tree as the working folder. */
const strip = `set -e
rm -rf var/lib/dpkg var/lib/apt var/cache/apt var/cache/debconf etc/apt etc/dpkg usr/bin/apt* usr/bin/dpkg* usr/sbin/dpkg* usr/lib/apt usr/lib/dpkg
rm -rf usr/share/doc usr/share/man usr/share/info usr/share/locale usr/share/i18n/charmaps
rm -rf etc/netplan usr/sbin/netplan usr/lib/netplan etc/debian_version etc/default/locale etc/timezone usr/lib/openssh/ssh-keysign
rm -rf etc/ssh etc/resolv.conf etc/os-release usr/lib/os-release etc/systemd/system/*.wants etc/systemd/system/*.requires etc/systemd/system/*.service etc/sudoers.d/README
cd usr/lib/systemd/system
rm -rf apt-daily* dpkg-db-backup* ssh.service ssh.socket ssh@.service sshd.service rescue-ssh.target open-vm-tools.service vgauth.service qemu-guest-agent.service systemd-networkd.service systemd-resolved.service networking.service
rm -f ../../udev/rules.d/*qemu-guest-agent*
cd - >/dev/null
printf 'wheel:x:10:\\n' >> etc/group
printf 'wheel:!::\\n' >> etc/gshadow
sed -i '/^sudo:/d' etc/group etc/gshadow
mkdir -p etc/ssh`;

/** Commands that would start or rewrite what a tree has not; each writes down how it was called. */
const recorded = ['grub2-mkconfig', 'grubby', 'dracut'];

/** Builds all packages of a system in one go, and gives the folder that they are in. */
async function buildPackages({ packages }: Staged, folder: string): Promise<string> {
  const top = join(folder, 'rpmbuild');
  const root = join(folder, 'root');
  const sections: string[] = [];
  for (const [name, files] of Object.entries(packages)) {
    const lines: string[] = [];
    for (const [path, { text, mode = 0o644, config: isConfig }] of Object.entries(files)) {
      await mkdir(dirname(join(root, path)), { recursive: true });
      await writeFile(join(root, path), text);
      await chmod(join(root, path), mode);
      lines.push(`${isConfig ? '%config(noreplace) ' : ''}%attr(${mode.toString(8)}, root, root) ${path}`);
    }
    sections.push(
      `%package -n ${name}\nSummary: ${name}\n%description -n ${name}\nStaged.\n%files -n ${name}\n${lines.join('\n')}\n`,
    );
  }
  const spec = `Name: staged\nVersion: 1.0\nRelease: 1\nEpoch: 2\nSummary: Staged\nLicense: Apache-2.0\nBuildArch: noarch\n%description\nStaged.\n${sections.join('\n')}
%install
cp -a ${root}/. %{buildroot}/
`;
  await mkdir(top, { recursive: true });
  await writeFile(join(folder, 'staged.spec'), spec);
  // No scripts of the build host may look at the files: they are as written.
  const quiet = [
    '__os_install_post %{nil}',
    '__brp_mangle_shebangs %{nil}',
    `_topdir ${top}`,
    '_build_id_links none',
    '_use_internal_dependency_generator 0',
    '__find_requires %{nil}',
    '__find_provides %{nil}',
  ];
  await exec(['rpmbuild', '--quiet', '-bb', ...quiet.flatMap((text) => ['--define', text]), join(folder, 'staged.spec')], {
    okExitCodes: [0],
  });
  return join(top, 'RPMS/noarch');
}

/** Makes a tree that does not exist yet; `folder` takes what it is made from. */
export async function stageTree(id: StagedId, folder: string, tree: string): Promise<void> {
  const facts = staged[id];
  await copyTree(await pristineTree('12', folder), tree);
  await exec(['sh', '-c', `${strip}\n${facts.prepare}`], { cwd: tree });
  await mkdir(join(tree, 'usr/lib'), { recursive: true });
  await writeFile(join(tree, 'usr/lib/os-release'), facts.osRelease);
  await exec(['ln', '-s', '../usr/lib/os-release', join(tree, 'etc/os-release')]);
  for (const name of recorded) {
    await writeFile(join(tree, 'usr/sbin', name), `#!/bin/sh\necho "${name} $*" >> /var/log/recorded\n`);
    await chmod(join(tree, 'usr/sbin', name), 0o755);
  }
  const work = join(folder, `packages-${id}`);
  const packages = await buildPackages(facts, work);
  await exec([
    'sh',
    '-c',
    'rpm --root "$1" --define "_dbpath $2" --define "_db_backend sqlite" --nosignature --replacefiles -i "$3"/*.rpm',
    'sh',
    tree,
    facts.database.path,
    packages,
  ]);
  await rm(work, { recursive: true });
}

const provisioned = {
  GABARIT_ARCH: 'amd64',
  GABARIT_PLATFORMS: 'kvm xen vmware',
  GABARIT_SET: 'standard',
  GABARIT_LOCALE: 'C.UTF-8',
  GABARIT_TIMEZONE: 'Etc/UTC',
  GABARIT_SUDO: 'nopasswd',
  GABARIT_SOURCES: '',
  GABARIT_FILES: '/run/gabarit/files',
  SOURCE_DATE_EPOCH: '1750000000',
};

/** Runs one shipped step, as an engine does. Returns all that it said. */
export async function runStagedStep(tree: string, id: StagedId, step: string, env: Record<string, string> = {}): Promise<string> {
  const [distro = '', release = ''] = id.split('-');
  const { stdout, stderr } = await inTree(tree, ['/bin/sh', `/run/gabarit/${step}.sh`], {
    env: {
      ...provisioned,
      GABARIT_DISTRO: distro,
      GABARIT_RELEASE: release,
      GABARIT_CODENAME: release,
      GABARIT_USER: distro,
      ...env,
    },
  });
  return stdout + stderr;
}

/** What rpm itself says of the packages in a tree. */
export async function rpmQuery(tree: string, id: StagedId, args: string[]): Promise<string> {
  const { path } = staged[id].database;
  const { stdout } = await exec(['rpm', '--root', tree, '--define', `_dbpath ${path}`, ...args], { okExitCodes: [0, 1] });
  return stdout;
}

/** How the commands were called that only write it down. */
export async function recordedCalls(tree: string): Promise<string[]> {
  return (await readFile(join(tree, 'var/log/recorded'), 'utf8').catch(() => '')).trim().split('\n');
}
