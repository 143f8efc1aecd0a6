import { shellQuote } from '../../../clients/ssh.ts';
import { type Answers, type AnswersRequest, bootPartitions } from './answers.ts';
import { allowBuildKey, installBiosLoader, phoneHome, sendLogByInit } from './guest-commands.ts';
import { type PreseedAnswer, preseedText, type PreseedType } from './preseed-lines.ts';
import { installerLocale } from './installer-locale.ts';

/** Answers for Debian's installer. Reference: the Debian installation guide, appendix B; partman-auto-recipe.txt for the disk. */

export function preseedAnswers(request: AnswersRequest): PreseedAnswer[] {
  return [
    ...language(request),
    ...network(request),
    ...mirrors(request),
    ...accounts(),
    ...clock(request),
    ...disk(request),
    ...packages(request),
    ...bootLoader(request),
    ...commands(request),
    ...end(request),
  ];
}

export function preseed(request: AnswersRequest): Answers {
  return {
    files: [{ name: 'preseed.cfg', text: preseedText(preseedAnswers(request)) }],
    delivery: { by: 'initrd' },
    // The text front end writes its questions as plain lines, which can be recognised on a serial console.
    kernelArguments: ['auto=true', 'priority=critical', 'DEBIAN_FRONTEND=text', 'console=ttyS0,115200n8', '---'],
  };
}

function ask(question: string, type: PreseedType, value: string | boolean): PreseedAnswer {
  return { owner: 'd-i', question, type, value: String(value) };
}

function language({ template }: AnswersRequest): PreseedAnswer[] {
  const { language: code, country, locale } = installerLocale(template.locale);
  return [
    ask('debian-installer/language', 'string', code),
    ask('debian-installer/country', 'string', country),
    ask('debian-installer/locale', 'string', locale),
    ask('localechooser/supported-locales', 'multiselect', ''),
    ask('keyboard-configuration/xkb-keymap', 'select', 'us'),
  ];
}

function network({ template }: AnswersRequest): PreseedAnswer[] {
  return [
    ask('netcfg/enable', 'boolean', true),
    ask('netcfg/choose_interface', 'select', 'auto'),
    ask('netcfg/dhcp_timeout', 'string', '60'),
    ask('netcfg/get_hostname', 'string', template.name.replaceAll(/[^a-z0-9-]/g, '-')),
    ask('netcfg/get_domain', 'string', 'localdomain'),
    ask('netcfg/wireless_wep', 'string', ''),
    ask('hw-detect/load_firmware', 'boolean', false),
  ];
}

function mirrors({ mirror, securityMirror, release }: AnswersRequest): PreseedAnswer[] {
  if (mirror === undefined) return [ask('apt-setup/use_mirror', 'boolean', false)];
  const { protocol, host, pathname } = new URL(mirror);
  const scheme = protocol.slice(0, -1);
  const security = securityMirror === undefined ? undefined : new URL(securityMirror);
  return [
    ask('mirror/country', 'string', 'manual'),
    ask('mirror/protocol', 'select', scheme),
    ask(`mirror/${scheme}/hostname`, 'string', host),
    ask(`mirror/${scheme}/directory`, 'string', pathname),
    ask(`mirror/${scheme}/proxy`, 'string', ''),
    ask('mirror/suite', 'select', release.codename),
    ask('apt-setup/use_mirror', 'boolean', true),
    ask('apt-setup/services-select', 'multiselect', security ? 'security, updates' : 'updates'),
    ...(security
      ? [
          ask('apt-setup/security_protocol', 'select', security.protocol.slice(0, -1)),
          ask('apt-setup/security_host', 'string', security.host),
          ask('apt-setup/security_path', 'string', security.pathname),
        ]
      : []),
    ask('apt-setup/cdrom/set-first', 'boolean', false),
    ask('apt-setup/disable-cdrom-entries', 'boolean', true),
  ];
}

/** Root without a password, and nobody else: the build comes by its key. */
function accounts(): PreseedAnswer[] {
  return [
    ask('passwd/root-login', 'boolean', true),
    ask('passwd/root-password-crypted', 'password', '!'),
    ask('passwd/make-user', 'boolean', false),
  ];
}

function clock({ template }: AnswersRequest): PreseedAnswer[] {
  return [
    ask('clock-setup/utc', 'boolean', true),
    ask('clock-setup/ntp', 'boolean', false),
    ask('time/zone', 'string', template.timezone),
  ];
}

/** A partition of a recipe: smallest, priority, largest size in MB, and what it is. -1: as much as there is. */
function recipeOf({ template }: AnswersRequest): string {
  const { biosMiB, efiMiB } = bootPartitions(template.disk.firmware);
  const { filesystem } = template.disk;
  return [
    'gabarit ::',
    ...(biosMiB > 0 ? ['1 1 1 free $iflabel{ gpt } method{ biosgrub } .'] : []),
    ...(efiMiB > 0 ? [`${efiMiB} ${efiMiB} ${efiMiB} free $iflabel{ gpt } method{ efi } format{ } .`] : []),
    `800 10000 -1 ${filesystem} method{ format } format{ } use_filesystem{ } filesystem{ ${filesystem} } mountpoint{ / } .`,
  ].join(' ');
}

function disk(request: AnswersRequest): PreseedAnswer[] {
  return [
    ...(request.disk === undefined ? [] : [ask('partman-auto/disk', 'string', request.disk)]),
    ask('partman-auto/method', 'string', 'regular'),
    ask('partman-partitioning/choose_label', 'string', 'gpt'),
    ask('partman-partitioning/default_label', 'string', 'gpt'),
    ask('partman-partitioning/confirm_write_new_label', 'boolean', true),
    ask('partman-auto/expert_recipe', 'string', recipeOf(request)),
    ask('partman-auto/choose_recipe', 'select', 'gabarit'),
    ask('partman-basicfilesystems/no_swap', 'boolean', false),
    ask('partman-efi/non_efi_system', 'boolean', true),
    ask('partman/choose_partition', 'select', 'finish'),
    ask('partman/confirm', 'boolean', true),
    ask('partman/confirm_nooverwrite', 'boolean', true),
    ask('partman/mount_style', 'select', 'uuid'),
  ];
}

/** Debian's GRUB for the firmware that the machine was not installed under. */
function otherLoader({ template }: AnswersRequest): string[] {
  return template.disk.firmware === 'both' ? ['grub-pc-bin'] : [];
}

function packages(request: AnswersRequest): PreseedAnswer[] {
  const { kernelPackage } = request;
  const names = [...new Set(['openssh-server', ...request.packages, ...otherLoader(request)])];
  return [
    ask('base-installer/install-recommends', 'boolean', false),
    ...(kernelPackage === undefined ? [] : [ask('base-installer/kernel/image', 'string', kernelPackage)]),
    { owner: 'tasksel', question: 'tasksel/first', type: 'multiselect', value: '' },
    ask('pkgsel/run_tasksel', 'boolean', false),
    ask('pkgsel/include', 'string', names.join(' ')),
    ask('pkgsel/upgrade', 'select', 'full-upgrade'),
    ask('pkgsel/update-policy', 'select', 'none'),
    { owner: 'popularity-contest', question: 'popularity-contest/participate', type: 'boolean', value: 'false' },
  ];
}

function bootLoader(request: AnswersRequest): PreseedAnswer[] {
  return [
    ask('grub-installer/only_debian', 'boolean', true),
    ask('grub-installer/with_other_os', 'boolean', true),
    ask('grub-installer/bootdev', 'string', request.disk ?? 'default'),
    // Where every firmware looks, without an entry in the machine's own memory.
    ask('grub-installer/force-efi-extra-removable', 'boolean', true),
    ask('debian-installer/add-kernel-opts', 'string', request.kernelArguments.join(' ')),
  ];
}

function commands(request: AnswersRequest): PreseedAnswer[] {
  const both = request.template.disk.firmware === 'both';
  const early = sendLogByInit(request, '/var/log/syslog');
  const partman = [
    ...(request.disk === undefined ? ['debconf-set partman-auto/disk "$(list-devices disk | head -n1)"'] : []),
    ...phoneHome(request, 'partitioning', 'wget'),
  ];
  const late = [
    'set -e',
    ...allowBuildKey(request, '/target'),
    ...(both ? [`in-target sh -c ${shellQuote(installBiosLoader('grub-install'))}`] : []),
    ...phoneHome(request, 'installed', 'wget'),
  ];
  return [
    ...(early.length > 0 ? [ask('preseed/early_command', 'string', early.join('; '))] : []),
    ...(partman.length > 0 ? [ask('partman/early_command', 'string', partman.join('; '))] : []),
    ask('preseed/late_command', 'string', late.join('; ')),
  ];
}

function end(request: AnswersRequest): PreseedAnswer[] {
  return [
    ask('cdrom-detect/eject', 'boolean', true),
    ask('finish-install/reboot_in_progress', 'note', ''),
    ask('debian-installer/exit/poweroff', 'boolean', request.end === 'poweroff'),
  ];
}
