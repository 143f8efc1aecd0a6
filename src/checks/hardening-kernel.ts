import type { Rootfs, RootfsCheck } from '../model/check.ts';
import { dropIns, statements, textAt } from './shared/config-text.ts';
import { fail, stepCheck } from './shared/step-check.ts';

/** What the kernel's settings must be. */
const kernelSettings: Record<string, string> = {
  'kernel.kptr_restrict': '2',
  'kernel.dmesg_restrict': '1',
  'kernel.yama.ptrace_scope': '1',
  'kernel.perf_event_paranoid': '3',
  'kernel.unprivileged_bpf_disabled': '1',
  'net.core.bpf_jit_harden': '2',
  'vm.unprivileged_userfaultfd': '0',
  'kernel.kexec_load_disabled': '1',
  'dev.tty.ldisc_autoload': '0',
  'kernel.sysrq': '0',
  'kernel.randomize_va_space': '2',
  'fs.suid_dumpable': '0',
  'kernel.core_pattern': '|/bin/false',
  'fs.protected_hardlinks': '1',
  'fs.protected_symlinks': '1',
  'fs.protected_fifos': '2',
  'fs.protected_regular': '2',
  'net.ipv4.conf.all.accept_redirects': '0',
  'net.ipv4.conf.default.accept_redirects': '0',
  'net.ipv4.conf.all.secure_redirects': '0',
  'net.ipv4.conf.all.send_redirects': '0',
  'net.ipv4.conf.default.send_redirects': '0',
  'net.ipv4.conf.all.accept_source_route': '0',
  'net.ipv4.conf.default.accept_source_route': '0',
  'net.ipv4.conf.all.rp_filter': '1',
  'net.ipv4.conf.default.rp_filter': '1',
  'net.ipv4.icmp_echo_ignore_broadcasts': '1',
  'net.ipv4.tcp_syncookies': '1',
  'net.ipv6.conf.all.accept_redirects': '0',
  'net.ipv6.conf.default.accept_redirects': '0',
  'net.ipv6.conf.all.accept_source_route': '0',
};

const kernel = stepCheck(
  'hardening',
  'kernel-settings',
  'The kernel settings are the hardened ones, whichever file comes last',
  async ({ rootfs }) => {
    const found = new Map<string, { value: string; file: string }>();
    const files = await dropIns(
      rootfs,
      ['/etc/sysctl.d', '/run/sysctl.d', '/usr/local/lib/sysctl.d', '/usr/lib/sysctl.d'],
      '.conf',
    );
    const findings = [];
    for (const file of files) {
      for (const line of statements(await textAt(rootfs, file))) {
        const match = /^-?([\w./*-]+)\s*=\s*(.*)$/.exec(line);
        if (match) found.set((match[1] ?? '').replaceAll('/', '.'), { value: match[2] ?? '', file });
        // "-key" alone keeps a pattern from setting it.
        else if (!/^-[\w./*-]+$/.test(line)) findings.push(fail(`${file} has a line that sysctl does not understand: ${line}`));
      }
    }
    for (const [key, value] of Object.entries(kernelSettings)) {
      const setting = found.get(key);
      if (setting?.value !== value)
        findings.push(
          fail(
            setting ? `${setting.file} sets ${key} to ${setting.value} instead of ${value}` : `no file sets ${key} to ${value}`,
          ),
        );
    }
    return findings;
  },
);

const blocked = [
  'dccp',
  'sctp',
  'rds',
  'tipc',
  'ax25',
  'netrom',
  'rose',
  'x25',
  'appletalk',
  'atm',
  'cramfs',
  'freevxfs',
  'jffs2',
  'hfs',
  'hfsplus',
];
/** Seeds come on these, and the ESP is one of them. */
const needed = ['isofs', 'iso9660', 'vfat', 'fat', 'udf', 'sr_mod', 'nls_ascii', 'nls_cp437'];

async function modprobeLines(rootfs: Rootfs): Promise<{ file: string; line: string }[]> {
  const lines = [];
  for (const file of await dropIns(rootfs, ['/etc/modprobe.d', '/run/modprobe.d', '/usr/lib/modprobe.d'], '.conf')) {
    for (const line of statements(await textAt(rootfs, file))) lines.push({ file, line: line.replaceAll(/\s+/g, ' ') });
  }
  return lines;
}

const modules = stepCheck(
  'hardening',
  'kernel-modules',
  'Rare protocols and file systems cannot be loaded',
  async ({ rootfs }) => {
    const lines = (await modprobeLines(rootfs)).map(({ line }) => line);
    return blocked
      .filter((name) => !lines.includes(`install ${name} /bin/false`))
      .map((name) => fail(`no file in /etc/modprobe.d keeps ${name} from being loaded`));
  },
);

const seedModules = stepCheck('hardening', 'seed-modules', 'What cloud-init seeds need can be loaded', async ({ rootfs }) => {
  const lines = await modprobeLines(rootfs);
  return lines
    .filter(({ line }) => needed.some((name) => line === `blacklist ${name}` || line.startsWith(`install ${name} `)))
    .map(({ file, line }) => fail(`${file} blocks what seeds need: ${line}`));
});

export const hardeningKernelChecks: RootfsCheck[] = [kernel, modules, seedModules];
