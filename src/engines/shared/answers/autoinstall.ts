import { stringify } from 'yaml';
import { type Answers, type AnswersRequest, bootPartitions, mebibyte } from './answers.ts';
import { allowBuildKey, installBiosLoader, phoneHome, sendLog } from './guest-commands.ts';
import { installerLocale } from './installer-locale.ts';

/** Answers for Ubuntu's installer. Reference: its autoinstall reference manual and JSON Schema; curtin's storage reference for the disk. */

export function autoinstall(request: AnswersRequest): Answers {
  const data = { autoinstall: autoinstallAnswers(request) };
  return {
    files: [
      { name: 'user-data', text: `#cloud-config\n${stringify(data, { lineWidth: 0 })}` },
      { name: 'meta-data', text: stringify({ 'instance-id': `install-${request.template.name}` }) },
    ],
    delivery: { by: 'volume', label: 'cidata' },
    // Without the word, it finds the answers and still asks whether they are meant.
    kernelArguments: ['autoinstall', 'console=ttyS0,115200n8', '---'],
  };
}

export function autoinstallAnswers(request: AnswersRequest): Record<string, unknown> {
  const { template, kernelPackage } = request;
  const early = [...sendLog(request, '/var/log/syslog'), ...phoneHome(request, 'answers', 'curl')];
  return {
    version: 1,
    'interactive-sections': [],
    ...(early.length > 0 ? { 'early-commands': early } : {}),
    'refresh-installer': { update: false },
    locale: installerLocale(template.locale).locale,
    keyboard: { layout: 'us' },
    // The installer knows the zones of places, and of Etc only UTC; the base step sets any other.
    timezone: template.timezone.startsWith('Etc/') ? 'UTC' : template.timezone,
    network: { version: 2, ethernets: { all: { match: { name: 'e*' }, dhcp4: true } } },
    ...apt(request),
    storage: { config: storage(request), swap: { size: 0 } },
    ...(kernelPackage === undefined ? {} : { kernel: { package: kernelPackage } }),
    ssh: { 'install-server': true, 'allow-pw': false },
    // Instead of an identity: no user is made, now or at the first start.
    'user-data': { disable_root: false, ssh_pwauth: false, users: [] },
    packages: [...new Set([...request.packages, ...(template.disk.firmware === 'both' ? ['grub-pc-bin'] : [])])],
    updates: 'security',
    'late-commands': late(request),
    shutdown: request.end,
  };
}

function apt({ mirror, securityMirror }: AnswersRequest): Record<string, unknown> {
  if (mirror === undefined) return { apt: { geoip: false, fallback: 'offline-install' } };
  const security = securityMirror === undefined ? {} : { security: [{ arches: ['default'], uri: securityMirror }] };
  return { apt: { geoip: false, primary: [{ arches: ['default'], uri: mirror }], ...security } };
}

/** curtin's actions, in order. */
function storage({ template, disk }: AnswersRequest): Record<string, unknown>[] {
  const { biosMiB, efiMiB } = bootPartitions(template.disk.firmware);
  const onBios = efiMiB === 0;
  const partition = (id: string, size: number, more: Record<string, unknown> = {}): Record<string, unknown> => ({
    type: 'partition',
    id,
    device: 'disk',
    size,
    ...more,
  });
  return [
    {
      type: 'disk',
      id: 'disk',
      ptable: 'gpt',
      wipe: 'superblock-recursive',
      ...(disk === undefined ? { match: { size: 'largest' } } : { path: disk }),
      grub_device: onBios,
    },
    ...(biosMiB > 0 ? [partition('bios', biosMiB * mebibyte, { flag: 'bios_grub' })] : []),
    ...(efiMiB > 0 ? [partition('efi', efiMiB * mebibyte, { flag: 'boot', grub_device: true })] : []),
    partition('root', -1),
    ...(efiMiB > 0 ? [{ type: 'format', id: 'efi-format', volume: 'efi', fstype: 'fat32' }] : []),
    { type: 'format', id: 'root-format', volume: 'root', fstype: template.disk.filesystem },
    { type: 'mount', id: 'root-mount', device: 'root-format', path: '/' },
    ...(efiMiB > 0 ? [{ type: 'mount', id: 'efi-mount', device: 'efi-format', path: '/boot/efi' }] : []),
  ];
}

function late(request: AnswersRequest): unknown[] {
  const { kernelArguments } = request;
  const defaults = `GRUB_CMDLINE_LINUX="${kernelArguments.join(' ')}"\n`;
  return [
    ...allowBuildKey(request, '/target'),
    ...(kernelArguments.length > 0
      ? [
          ['sh', '-c', 'printf %s "$1" >/target/etc/default/grub.d/90-install.cfg', 'sh', defaults],
          'curtin in-target -- update-grub',
        ]
      : []),
    ...(request.template.disk.firmware === 'both'
      ? [['curtin', 'in-target', '--', 'sh', '-c', installBiosLoader('grub-install')]]
      : []),
    ...phoneHome(request, 'installed', 'curl'),
  ];
}
