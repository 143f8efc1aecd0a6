/** Defects to plant in a good tree: a shell command run in it, the check that must fail, and what its message must name. */
export interface Defect {
  check: string;
  /** Run with the tree as the working folder. Only /etc is put back by itself. */
  plant: string;
  names: string;
  /** Puts back what is outside /etc. */
  undo?: string;
}

const removed = (check: string, path: string, names = path): Defect => ({
  check,
  plant: `mv ./${path} ./${path}.away`,
  undo: `mv ./${path}.away ./${path}`,
  names,
});

const wants = 'etc/systemd/system/multi-user.target.wants';

export const defects: Defect[] = [
  // base
  { check: 'locale', plant: 'echo LANG=de_DE.UTF-8 > etc/default/locale', names: '/etc/default/locale' },
  { check: 'time-zone', plant: 'ln -sfn /usr/share/zoneinfo/Europe/Paris etc/localtime', names: 'Europe/Paris' },
  { check: 'time-sync', plant: 'rm etc/systemd/system/sysinit.target.wants/systemd-timesyncd.service', names: '0 time services' },
  {
    check: 'time-sync',
    plant: `touch etc/systemd/system/chrony.service; ln -s ../chrony.service ${wants}/chrony.service`,
    names: 'chrony.service',
  },
  { check: 'network', plant: `rm ${wants}/systemd-networkd.service`, names: 'systemd-networkd.service' },
  { check: 'network', plant: 'rm etc/resolv.conf; echo nameserver 192.0.2.1 > etc/resolv.conf', names: '/etc/resolv.conf' },
  {
    check: 'network',
    plant: `touch etc/systemd/system/networking.service; ln -s ../networking.service ${wants}/networking.service`,
    names: 'networking.service',
  },
  { check: 'network-fallback', plant: 'rm etc/systemd/network/99-dhcp-fallback.network', names: '/etc/systemd/network' },
  {
    check: 'network-fallback',
    plant:
      'mv etc/systemd/network/99-dhcp-fallback.network etc/systemd/network/10-a.network; printf "[Match]\\nName=eth0\\n" > etc/systemd/network/50-b.network',
    names: '10-a.network',
  },
  { check: 'network-wait', plant: 'rm -r etc/systemd/system/systemd-networkd-wait-online.service.d', names: 'no ExecStart' },
  {
    check: 'network-wait',
    plant:
      'printf "[Service]\\nExecStart=\\nExecStart=/bin/x --timeout=600\\n" > etc/systemd/system/systemd-networkd-wait-online.service.d/90-x.conf',
    names: '--timeout=600',
  },
  { check: 'package-sources', plant: 'rm etc/apt/sources.list.d/debian.sources', names: 'mirror.example' },
  { check: 'package-sources', plant: "sed -i '/^Signed-By/d' etc/apt/sources.list.d/debian.sources", names: 'debian.sources' },
  { check: 'package-sources', plant: "echo 'Trusted: yes' >> etc/apt/sources.list.d/debian.sources", names: 'no signature' },
  {
    check: 'package-sources',
    plant: 'echo "deb http://mirror.example/x x main" > etc/apt/sources.list',
    names: '/etc/apt/sources.list',
  },
  {
    check: 'package-sources',
    plant: `echo 'Acquire::http::Proxy "http://192.0.2.1";' > etc/apt/apt.conf.d/99proxy`,
    names: '99proxy',
  },
  { check: 'login-consoles', plant: 'rm etc/systemd/system/getty.target.wants/getty@tty1.service', names: 'getty@tty1' },
  {
    check: 'login-consoles',
    plant: 'mkdir -p etc/systemd/system-generators; ln -s /dev/null etc/systemd/system-generators/systemd-getty-generator',
    names: 'masked',
  },
  { check: 'journal-limits', plant: 'echo Storage=volatile >> etc/systemd/journald.conf.d/90-x.conf', names: 'volatile' },
  {
    check: 'journal-limits',
    plant: "sed -i '/SystemMaxUse/d' etc/systemd/journald.conf.d/50-gabarit.conf",
    names: 'SystemMaxUse',
  },
  {
    check: 'upgrade-timers',
    plant:
      'mkdir -p etc/systemd/system/timers.target.wants; ln -s /lib/systemd/system/apt-daily.timer etc/systemd/system/timers.target.wants/apt-daily.timer',
    names: 'apt-daily.timer',
  },
  // cloud-init
  { check: 'cloud-init-starts', plant: 'touch etc/cloud/cloud-init.disabled', names: '/etc/cloud/cloud-init.disabled' },
  {
    check: 'cloud-init-starts',
    plant: 'rm etc/systemd/system/cloud-init.target.wants/cloud-init-local.service',
    names: 'cloud-init-local.service',
  },
  { check: 'cloud-init-sources', plant: 'echo "datasource_list: [ Ec2 ]" > etc/cloud/cloud.cfg.d/99-x.cfg', names: 'Ec2' },
  {
    check: 'cloud-init-sources',
    plant: 'printf "datasource_list:\\n  - NoCloud\\n  - ConfigDrive\\n  - None\\n" > etc/cloud/cloud.cfg.d/99-x.cfg',
    names: '99-x.cfg',
  },
  { check: 'cloud-init-sources', plant: 'echo "a: [" > etc/cloud/cloud.cfg.d/99-x.cfg', names: '99-x.cfg' },
  { check: 'cloud-init-without-seed', plant: 'rm etc/cloud/ds-identify.cfg', names: '/etc/cloud/ds-identify.cfg' },
  {
    check: 'cloud-init-without-seed',
    plant: 'echo policy: enabled > etc/cloud/ds-identify.cfg',
    names: '/etc/cloud/ds-identify.cfg',
  },
  {
    check: 'cloud-init-user',
    plant: "sed -i 's/lock_passwd: true/lock_passwd: false/' etc/cloud/cloud.cfg.d/90-gabarit.cfg",
    names: 'lock_passwd',
  },
  { check: 'cloud-init-user', plant: 'echo "ssh_pwauth: true" > etc/cloud/cloud.cfg.d/99-x.cfg', names: 'ssh_pwauth' },
  { check: 'cloud-init-clones', plant: 'echo "ssh_deletekeys: false" > etc/cloud/cloud.cfg.d/99-x.cfg', names: 'ssh_deletekeys' },
  { check: 'root-grows', plant: 'echo "growpart: { mode: off }" > etc/cloud/cloud.cfg.d/99-x.cfg', names: 'growpart.mode' },
  { check: 'root-grows', plant: `rm ${wants}/gabarit-grow-root.service`, names: 'gabarit-grow-root.service' },
  removed('root-grows', 'usr/bin/growpart'),
  {
    check: 'cloud-init-network',
    plant: 'echo "system_info: { network: { renderers: [ eni ] } }" > etc/cloud/cloud.cfg.d/99-x.cfg',
    names: 'eni',
  },
  // guest-tools
  {
    check: 'guest-agent-kvm',
    plant: 'ln -s /dev/null etc/systemd/system/qemu-guest-agent.service',
    names: 'qemu-guest-agent.service',
  },
  { check: 'guest-agent-vmware', plant: `rm ${wants}/open-vm-tools.service`, names: 'open-vm-tools.service' },
  {
    check: 'guest-agent-xen',
    plant: "sed -i '/ConditionVirt/d' etc/systemd/system/gabarit-xen-agent.service",
    names: 'ConditionVirtualization=xen',
  },
  { check: 'guest-agent-xen', plant: `rm ${wants}/gabarit-xen-agent.service`, names: 'not enabled' },
  removed('guest-agent-xen', 'usr/bin/xenstore-write'),
  // ssh
  { check: 'ssh-access', plant: 'echo PasswordAuthentication yes > etc/ssh/sshd_config.d/00-x.conf', names: '00-x.conf' },
  { check: 'ssh-access', plant: "sed -i '1i PermitRootLogin yes' etc/ssh/sshd_config", names: 'permitrootlogin' },
  { check: 'ssh-access', plant: 'rm etc/ssh/sshd_config.d/10-gabarit.conf', names: 'permitrootlogin' },
  {
    check: 'ssh-algorithms',
    plant: 'echo KexAlgorithms +diffie-hellman-group14-sha1 > etc/ssh/sshd_config.d/00-x.conf',
    names: 'group14-sha1',
  },
  { check: 'ssh-algorithms', plant: 'echo MACs hmac-sha1,hmac-sha2-256 > etc/ssh/sshd_config.d/00-x.conf', names: 'hmac-sha1' },
  { check: 'ssh-host-keys-made', plant: 'rm -r etc/systemd/system/ssh.service.wants', names: 'gabarit-ssh-host-keys.service' },
  {
    check: 'ssh-host-keys-made',
    plant: "sed -i '/^Before/d' etc/systemd/system/gabarit-ssh-host-keys.service",
    names: 'before ssh.service',
  },
  {
    check: 'ssh-one-door',
    plant: `touch etc/systemd/system/ssh.socket; ln -s ../ssh.socket ${wants}/ssh.socket`,
    names: 'ssh.socket',
  },
  { check: 'ssh-files', plant: 'chmod 644 etc/ssh/sshd_config', names: '/etc/ssh/sshd_config' },
  // hardening
  { check: 'kernel-settings', plant: 'echo net.ipv4.conf.all.rp_filter=0 > etc/sysctl.d/99-x.conf', names: '99-x.conf' },
  { check: 'kernel-settings', plant: 'rm etc/sysctl.d/60-gabarit.conf', names: 'kernel.kptr_restrict' },
  { check: 'kernel-settings', plant: 'echo "kernel.sysrq 0" > etc/sysctl.d/99-x.conf', names: 'does not understand' },
  { check: 'kernel-modules', plant: "sed -i '/tipc/d' etc/modprobe.d/60-gabarit.conf", names: 'tipc' },
  { check: 'seed-modules', plant: 'echo blacklist isofs > etc/modprobe.d/90-x.conf', names: '90-x.conf' },
  { check: 'seed-modules', plant: 'echo install vfat /bin/false > etc/modprobe.d/90-x.conf', names: 'vfat' },
  { check: 'setuid-programs', plant: 'chmod u+s usr/bin/less', undo: 'chmod u-s usr/bin/less', names: '/usr/bin/less' },
  { check: 'setuid-programs', plant: 'chmod 4755 usr/bin/su', undo: 'chmod 4750 usr/bin/su', names: '/usr/bin/su' },
  { check: 'root-locked', plant: "sed -i 's/^root:[^:]*:/root::/' etc/shadow", names: '/etc/shadow' },
  { check: 'root-locked', plant: 'echo toor:x:0:0::/root:/bin/sh >> etc/passwd', names: 'toor' },
  { check: 'root-locked', plant: 'chmod 755 root', undo: 'chmod 700 root', names: '/root' },
  { check: 'core-files', plant: 'echo "* hard core unlimited" > etc/security/limits.d/90-x.conf', names: 'limits.d' },
  { check: 'core-files', plant: 'rm etc/systemd/system.conf.d/60-gabarit.conf', names: 'DefaultLimitCORE' },
  { check: 'umask', plant: "sed -i 's/^UMASK.*/UMASK 022/' etc/login.defs", names: '022' },
  { check: 'umask', plant: 'echo umask 002 > etc/profile.d/90-x.sh', names: 'umask 002' },
  {
    check: 'sudo',
    plant: 'echo "x ALL=(ALL) NOPASSWD: ALL" > etc/sudoers.d/x; chmod 440 etc/sudoers.d/x',
    names: '/etc/sudoers.d/x',
  },
  { check: 'sudo', plant: 'chmod 666 etc/sudoers', names: '/etc/sudoers' },
  { check: 'sudo', plant: 'echo "Defaults !use_pty" > etc/sudoers.d/x; chmod 440 etc/sudoers.d/x', names: 'use_pty' },
  { check: 'root-files', plant: 'chmod 755 etc/cron.daily', names: '/etc/cron.daily' },
  { check: 'login-text', plant: "echo 'Debian GNU/Linux 12 \\\\n \\\\l' > etc/issue", names: '/etc/issue' },
  { check: 'login-text', plant: "echo 'Kernel \\\\r' > etc/issue.net", names: '/etc/issue.net' },
];
