import type { Finding, Rootfs, RootfsCheck } from '../model/check.ts';
import type { PlatformId } from '../model/platform.ts';
import { statements } from './shared/config-text.ts';
import { familyOf } from './shared/family.ts';
import { fail, stepCheck, type StepSubject, wordsOf } from './shared/step-check.ts';
import { hasUnit, isEnabled, isMasked } from './shared/systemd-units.ts';

/** The agent of a platform must be ready where it is wanted, and must not start where it is not. */
function agentCheck(
  platform: PlatformId,
  title: string,
  unitOf: (rootfs: Rootfs) => Promise<string>,
  ready: (rootfs: Rootfs, unit: string) => Promise<Finding[]>,
): RootfsCheck {
  return stepCheck('guest-tools', `guest-agent-${platform}`, title, async (subject) => {
    const { rootfs } = subject;
    const unit = await unitOf(rootfs);
    if (isWanted(subject, platform)) {
      if (!(await hasUnit(rootfs, unit))) return [fail(`${unit} is not in the image`)];
      if (await isMasked(rootfs, unit)) return [fail(`${unit} is masked`)];
      return ready(rootfs, unit);
    }
    const off = !(await hasUnit(rootfs, unit)) || (await isMasked(rootfs, unit));
    return off ? [] : [fail(`${unit} is not masked, although its agent is not wanted`)];
  });
}

function isWanted({ plan, parameter }: StepSubject, platform: PlatformId): boolean {
  const agents = parameter('agents');
  return (agents === undefined || agents === '' ? plan.template.platforms : wordsOf(agents)).includes(platform);
}

async function conditioned(rootfs: Rootfs, unit: string, condition: string): Promise<Finding[]> {
  for (const folder of ['/etc/systemd/system', '/usr/lib/systemd/system', '/lib/systemd/system']) {
    const text = await rootfs.readText(`${folder}/${unit}`);
    if (text !== undefined)
      return statements(text).includes(condition) ? [] : [fail(`${folder}/${unit} does not say ${condition}`)];
  }
  return [fail(`${unit} cannot be read`)];
}

const kvm = agentCheck(
  'kvm',
  'The QEMU agent starts when, and only when, the machine has its port',
  async () => 'qemu-guest-agent.service',
  async (rootfs) => {
    for (const folder of ['/usr/lib/udev/rules.d', '/lib/udev/rules.d', '/etc/udev/rules.d']) {
      for (const name of await rootfs.list(folder)) {
        const text = (await rootfs.readText(`${folder}/${name}`)) ?? '';
        if (text.includes('org.qemu.guest_agent.0') && text.includes('SYSTEMD_WANTS')) return [];
      }
    }
    return [fail('no udev rule starts qemu-guest-agent.service for the port org.qemu.guest_agent.0')];
  },
);

/** Debian calls the unit by the package, all others by the program. */
const vmware = agentCheck(
  'vmware',
  'The VMware tools start on VMware only',
  async (rootfs) => ((await familyOf(rootfs)) === 'apt' ? 'open-vm-tools.service' : 'vmtoolsd.service'),
  async (rootfs, unit) => [
    ...((await isEnabled(rootfs, unit)) ? [] : [fail(`${unit} is not enabled`)]),
    ...(await conditioned(rootfs, unit, 'ConditionVirtualization=vmware')),
  ],
);

const own = 'gabarit-xen-agent.service';

/** XenServer's own agent where the image has it and not the tools that ours needs. */
const xen = agentCheck(
  'xen',
  'The Xen agent starts on Xen only',
  async (rootfs) =>
    (await rootfs.stat('/usr/bin/xenstore-write')) || !(await hasUnit(rootfs, 'xe-linux-distribution.service'))
      ? own
      : 'xe-linux-distribution.service',
  async (rootfs, unit) => {
    const findings = (await isEnabled(rootfs, unit)) ? [] : [fail(`${unit} is not enabled`)];
    if (unit !== own) return findings;
    findings.push(...(await conditioned(rootfs, unit, 'ConditionVirtualization=xen')));
    for (const tool of [
      '/usr/local/lib/gabarit/xen-agent',
      '/usr/bin/xenstore-write',
      '/usr/bin/xenstore-read',
      '/usr/bin/xenstore-rm',
    ]) {
      const stat = await rootfs.stat(tool);
      if (!stat || (stat.mode & 0o111) === 0) findings.push(fail(`${tool} is missing or cannot be run`));
    }
    return findings;
  },
);

export const guestAgentChecks: RootfsCheck[] = [kvm, xen, vmware];
