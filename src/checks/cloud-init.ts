import { parse } from 'yaml';
import type { Finding, Rootfs, RootfsCheck } from '../model/check.ts';
import { dropIns, statements, textAt } from './shared/config-text.ts';
import { familyOf } from './shared/family.ts';
import { fail, stepCheck, wordsOf } from './shared/step-check.ts';
import { hasUnit, isEnabled, isMasked } from './shared/systemd-units.ts';

type Tree = { [key: string]: unknown };

function isTree(value: unknown): value is Tree {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Later files win, maps are merged, as cloud-init reads its system configuration. */
function merge(earlier: Tree, later: Tree): Tree {
  const merged = { ...earlier };
  for (const [key, value] of Object.entries(later)) {
    const before = merged[key];
    merged[key] = isTree(before) && isTree(value) ? merge(before, value) : value;
  }
  return merged;
}

/** The configuration that a clone will see, seed aside. Files that are no YAML map are findings. */
async function configuration(rootfs: Rootfs): Promise<{ config: Tree; faults: Finding[] }> {
  let config: Tree = {};
  const faults: Finding[] = [];
  for (const file of ['/etc/cloud/cloud.cfg', ...(await dropIns(rootfs, ['/etc/cloud/cloud.cfg.d'], '.cfg'))]) {
    try {
      const value: unknown = parse((await rootfs.readText(file)) ?? '', { version: '1.1' });
      if (isTree(value)) config = merge(config, value);
      else if (value !== null) faults.push(fail(`${file} is not a YAML map`));
    } catch (error) {
      faults.push(fail(`${file} is not YAML: ${error instanceof Error ? error.message.split('\n')[0] : String(error)}`));
    }
  }
  return { config, faults };
}

/** A value below nested maps; undefined where there is none. */
function at(config: Tree, ...path: string[]): unknown {
  return path.reduce<unknown>((value, key) => (isTree(value) ? value[key] : undefined), config);
}

function expectValues(config: Tree, wanted: [path: string, value: unknown][]): Finding[] {
  return wanted
    .filter(([path, value]) => JSON.stringify(at(config, ...path.split('.'))) !== JSON.stringify(value))
    .map(([path, value]) =>
      fail(`${path} in /etc/cloud is ${JSON.stringify(at(config, ...path.split('.')))} instead of ${JSON.stringify(value)}`),
    );
}

const starts = stepCheck('cloud-init', 'cloud-init-starts', 'cloud-init starts at first boot', async ({ rootfs }) => {
  const findings = [];
  // Its main stage was renamed in cloud-init 24.3.
  const network = (await hasUnit(rootfs, 'cloud-init-network.service')) ? 'cloud-init-network.service' : 'cloud-init.service';
  for (const unit of ['cloud-init-local.service', network, 'cloud-config.service', 'cloud-final.service']) {
    if (!(await isEnabled(rootfs, unit))) findings.push(fail(`${unit} is not enabled`));
  }
  if (await isMasked(rootfs, 'cloud-init.target')) findings.push(fail('cloud-init.target is masked'));
  if (await rootfs.stat('/etc/cloud/cloud-init.disabled')) findings.push(fail('/etc/cloud/cloud-init.disabled switches it off'));
  return findings;
});

const sources = stepCheck(
  'cloud-init',
  'cloud-init-sources',
  'cloud-init asks the data sources of the template, and None last',
  async ({ rootfs, parameter }) => {
    const { config, faults } = await configuration(rootfs);
    const wanted = wordsOf(parameter('datasources') ?? 'NoCloud ConfigDrive');
    if (!wanted.includes('None')) wanted.push('None');
    const findings = [...faults, ...expectValues(config, [['datasource_list', wanted]])];
    // ds-identify, a shell script, reads the list only from one line.
    const files = await dropIns(rootfs, ['/etc/cloud/cloud.cfg.d'], '.cfg');
    for (const file of files) {
      const line = statements(await textAt(rootfs, file)).find((text) => text.startsWith('datasource_list:'));
      if (line !== undefined && !/\[.*\]/.test(line))
        findings.push(fail(`${file} has its datasource_list on several lines; ds-identify cannot read it`));
    }
    return findings;
  },
);

const withoutSeed = stepCheck(
  'cloud-init',
  'cloud-init-without-seed',
  'Without a seed cloud-init stays off: a removed seed never makes a new machine',
  async ({ rootfs }) => {
    const path = '/etc/cloud/ds-identify.cfg';
    const policy = statements((await rootfs.readText(path)) ?? '').findLast((line) => line.startsWith('policy:')) ?? '';
    return policy.split(/[:,]/).some((word) => word.trim() === 'notfound=disabled')
      ? []
      : [fail(`${path} does not say notfound=disabled`)];
  },
);

const user = stepCheck(
  'cloud-init',
  'cloud-init-user',
  'The default user is the one of the template, without a password',
  async ({ rootfs, plan }) => {
    const { config, faults } = await configuration(rootfs);
    const rules = { nopasswd: ['ALL=(ALL) NOPASSWD:ALL'], password: ['ALL=(ALL) ALL'], none: false };
    return [
      ...faults,
      ...expectValues(config, [
        ['system_info.default_user.name', plan.template.users.default ?? plan.template.distro],
        ['system_info.default_user.lock_passwd', true],
        ['system_info.default_user.sudo', rules[plan.template.users.sudo]],
        ['users', ['default']],
        ['disable_root', true],
        ['ssh_pwauth', false],
      ]),
    ];
  },
);

const clones = stepCheck(
  'cloud-init',
  'cloud-init-clones',
  'Every clone gets its own host keys and its own name; the package sources stay',
  async ({ rootfs }) => {
    const { config, faults } = await configuration(rootfs);
    return [
      ...faults,
      ...expectValues(config, [
        ['ssh_deletekeys', true],
        ['preserve_hostname', false],
        ['manage_etc_hosts', false],
        ...((await familyOf(rootfs)) === 'apt' ? ([['apt.preserve_sources_list', true]] as [string, unknown][]) : []),
      ]),
    ];
  },
);

const grows = stepCheck(
  'cloud-init',
  'root-grows',
  'The root file system grows to the disk, with a seed and without one',
  async ({ rootfs }) => {
    const { config, faults } = await configuration(rootfs);
    const findings = [
      ...faults,
      ...expectValues(config, [
        ['growpart.mode', 'auto'],
        ['growpart.devices', ['/']],
        ['resize_rootfs', true],
      ]),
    ];
    for (const tool of ['/usr/bin/growpart', '/usr/local/lib/gabarit/grow-root']) {
      const stat = await rootfs.stat(tool);
      if (!stat || (stat.mode & 0o111) === 0) findings.push(fail(`${tool} is missing or cannot be run`));
    }
    if (!(await isEnabled(rootfs, 'gabarit-grow-root.service'))) findings.push(fail('gabarit-grow-root.service is not enabled'));
    return findings;
  },
);

const renderer = stepCheck(
  'cloud-init',
  'cloud-init-network',
  'cloud-init can write the network configuration that the image understands',
  async ({ rootfs }) => {
    const { config, faults } = await configuration(rootfs);
    const renderers = at(config, 'system_info', 'network', 'renderers');
    const list = Array.isArray(renderers) ? renderers.map(String) : [];
    // The first one that is there is used; "eni" would write for ifupdown, which no image runs.
    for (const name of list) if (await canRender(rootfs, name)) return faults;
    return [...faults, fail(`none of the network renderers in /etc/cloud can be used: ${list.join(', ') || 'none'}`)];
  },
);

/** Whether cloud-init has the renderer, and the image what it writes for. */
async function canRender(rootfs: Rootfs, name: string): Promise<boolean> {
  const isApt = (await familyOf(rootfs)) === 'apt';
  if (name === 'netplan') return (await rootfs.stat('/usr/sbin/netplan')) !== undefined;
  if (name === 'networkd') return isApt && (await hasRenderer(rootfs, 'networkd'));
  const hasManager = !isApt && (await hasUnit(rootfs, 'NetworkManager.service'));
  if (name === 'network-manager') return hasManager && (await hasRenderer(rootfs, 'network_manager'));
  // NetworkManager reads these files too, up to the ninth Red Hat.
  if (name === 'sysconfig') return !isApt && (hasManager || (await hasUnit(rootfs, 'wicked.service')));
  return false;
}

async function hasRenderer(rootfs: Rootfs, module: string): Promise<boolean> {
  for (const folder of (await rootfs.list('/usr/lib')).filter((entry) => entry.startsWith('python3'))) {
    for (const packages of ['dist-packages', 'site-packages'])
      if (await rootfs.stat(`/usr/lib/${folder}/${packages}/cloudinit/net/${module}.py`)) return true;
  }
  return false;
}

export const cloudInitChecks: RootfsCheck[] = [starts, sources, withoutSeed, user, clones, grows, renderer];
