import type { Finding, Rootfs, RootfsCheck } from '../model/check.ts';
import type { PlatformId } from '../model/platform.ts';
import { statements } from './shared/config-text.ts';
import { fail, stepCheck, type StepSubject, wordsOf } from './shared/step-check.ts';
import { hasUnit, isEnabled, isMasked } from './shared/systemd-units.ts';

/** The agent of a platform must be ready where it is wanted, and must not start where it is not. */
function agentCheck(
  platform: PlatformId,
  title: string,
  unit: string,
  ready: (rootfs: Rootfs) => Promise<Finding[]>,
): RootfsCheck {
  return stepCheck('guest-tools', `guest-agent-${platform}`, title, async (subject) => {
    const { rootfs } = subject;
    if (isWanted(subject, platform)) {
      if (!(await hasUnit(rootfs, unit))) return [fail(`${unit} is not in the image`)];
      if (await isMasked(rootfs, unit)) return [fail(`${unit} is masked`)];
      return ready(rootfs);
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
  'qemu-guest-agent.service',
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

const vmware = agentCheck('vmware', 'The VMware tools start on VMware only', 'open-vm-tools.service', async (rootfs) => [
  ...((await isEnabled(rootfs, 'open-vm-tools.service')) ? [] : [fail('open-vm-tools.service is not enabled')]),
  ...(await conditioned(rootfs, 'open-vm-tools.service', 'ConditionVirtualization=vmware')),
]);

const xen = agentCheck('xen', 'The Xen agent starts on Xen only', 'gabarit-xen-agent.service', async (rootfs) => {
  const findings = await conditioned(rootfs, 'gabarit-xen-agent.service', 'ConditionVirtualization=xen');
  if (!(await isEnabled(rootfs, 'gabarit-xen-agent.service'))) findings.push(fail('gabarit-xen-agent.service is not enabled'));
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
});

export const guestAgentChecks: RootfsCheck[] = [kvm, xen, vmware];
