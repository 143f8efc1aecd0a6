import { type Answers, type AnswersRequest, bootPartitions } from './answers.ts';
import { allowBuildKey, installBiosLoader, phoneHome, sendLog } from './guest-commands.ts';
import { installerLocale } from './installer-locale.ts';
import { type KickstartCommand, type KickstartSection, kickstartText } from './kickstart-lines.ts';

/** Answers for Anaconda. Reference: pykickstart's documentation of commands and sections. */

export function kickstart(request: AnswersRequest): Answers {
  return {
    files: [{ name: 'ks.cfg', text: kickstartText(kickstartCommands(request), sections(request)) }],
    delivery: { by: 'volume', label: 'OEMDRV' },
    // Without questions: what is missing ends the installation instead of waiting for somebody.
    kernelArguments: ['inst.ks=hd:LABEL=OEMDRV:/ks.cfg', 'inst.cmdline', 'inst.notmux', 'console=ttyS0,115200n8'],
  };
}

export function kickstartCommands(request: AnswersRequest): KickstartCommand[] {
  const { template } = request;
  return [
    command('cmdline'),
    ...source(request),
    command('lang', installerLocale(template.locale).locale),
    command('keyboard', '--xlayouts=us'),
    command('timezone', template.timezone, '--utc'),
    command('network', '--bootproto=dhcp', '--device=link', '--activate', '--onboot=yes'),
    command('rootpw', '--lock', '--iscrypted', 'locked'),
    command('firewall', '--enabled', '--ssh'),
    command('selinux', '--enforcing'),
    command('services', '--enabled=sshd'),
    command('firstboot', '--disable'),
    ...disk(request),
    command(request.end),
  ];
}

function command(name: string, ...words: string[]): KickstartCommand {
  return { name, words };
}

/** The packages: from the medium, or a mirror with its own folders for each repository. */
function source({ mirror, release, arch }: AnswersRequest): KickstartCommand[] {
  if (mirror === undefined) return [command('cdrom')];
  const machine = { amd64: 'x86_64' }[arch];
  const base = mirror.replace(/\/+$/, '');
  // CentOS Stream names its folders by `9-stream`; the others by the release.
  const of = (name: string): string => `${base}/${release.id}/${name}/${machine}/os/`;
  return [command('url', `--url=${of('BaseOS')}`), command('repo', '--name=AppStream', `--baseurl=${of('AppStream')}`)];
}

function disk({ template, disk: device, kernelArguments }: AnswersRequest): KickstartCommand[] {
  const { biosMiB, efiMiB } = bootPartitions(template.disk.firmware);
  const name = device?.replace(/^\/dev\//, '');
  const on = name === undefined ? [] : [`--ondisk=${name}`];
  return [
    ...(name === undefined ? [] : [command('ignoredisk', `--only-use=${name}`)]),
    command('zerombr'),
    command('clearpart', '--all', '--initlabel', '--disklabel=gpt', ...(name === undefined ? [] : [`--drives=${name}`])),
    ...(biosMiB > 0 ? [command('part', 'biosboot', '--fstype=biosboot', `--size=${biosMiB}`, ...on)] : []),
    ...(efiMiB > 0 ? [command('part', '/boot/efi', '--fstype=efi', `--size=${efiMiB}`, ...on)] : []),
    command('part', '/', `--fstype=${template.disk.filesystem}`, '--size=1024', '--grow', ...on),
    command('bootloader', '--timeout=1', ...(kernelArguments.length > 0 ? [`--append=${kernelArguments.join(' ')}`] : [])),
  ];
}

function sections(request: AnswersRequest): KickstartSection[] {
  const both = request.template.disk.firmware === 'both';
  const before = [...sendLog(request, '/tmp/anaconda.log'), ...phoneHome(request, 'answers', 'curl')];
  const loaders = both ? ['grub2-pc', 'grub2-pc-modules', 'grub2-efi-x64', 'shim-x64'] : [];
  const kernel = request.kernelPackage === undefined ? [] : [request.kernelPackage];
  return [
    {
      name: '%packages',
      // Renamed between Red Hat 8 and 9.
      options: [/^8\b/.test(request.release.id) ? '--excludeWeakdeps' : '--exclude-weakdeps'],
      lines: ['@^minimal-environment', ...new Set(['openssh-server', ...kernel, ...loaders, ...request.packages])],
    },
    ...(before.length > 0 ? [{ name: '%pre', options: [], lines: before }] : []),
    {
      name: '%post',
      options: ['--erroronfail'],
      lines: [
        'set -e',
        ...allowBuildKey(request, ''),
        'restorecon -R /root/.ssh 2>/dev/null || true',
        ...(both ? [installBiosLoader('grub2-install')] : []),
      ],
    },
    ...(request.phoneHome === undefined
      ? []
      : [{ name: '%post', options: ['--nochroot'], lines: phoneHome(request, 'installed', 'curl') }]),
  ];
}
