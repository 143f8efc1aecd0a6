import { XMLBuilder } from 'fast-xml-parser';
import { type Answers, type AnswersRequest, bootPartitions } from './answers.ts';
import { allowBuildKey, installBiosLoader, phoneHome } from './guest-commands.ts';
import { installerLocale } from './installer-locale.ts';

/** Answers for YaST. Reference: SUSE's AutoYaST guide; the RELAX NG grammar that YaST itself ships for its elements. */

type Typed = { '@t': 'boolean' | 'integer' | 'symbol'; '#text': string };
type XmlList = { '@t': 'list'; [item: string]: unknown };

export function autoyast(request: AnswersRequest): Answers {
  const builder = new XMLBuilder({
    format: true,
    ignoreAttributes: false,
    attributeNamePrefix: '@',
    suppressEmptyNode: true,
    processEntities: true,
  });
  const head = '<?xml version="1.0"?>\n<!DOCTYPE profile>\n';
  return {
    files: [{ name: 'autoinst.xml', text: head + builder.build(document(request)) }],
    delivery: { by: 'volume', label: 'OEMDRV' },
    kernelArguments: [
      'autoyast=label://OEMDRV/autoinst.xml',
      ...(request.mirror === undefined ? [] : [`install=${request.mirror}`]),
      'textmode=1',
      'console=ttyS0,115200n8',
    ],
  };
}

const yes: Typed = { '@t': 'boolean', '#text': 'true' };
const no: Typed = { '@t': 'boolean', '#text': 'false' };

function integer(value: number): Typed {
  return { '@t': 'integer', '#text': String(value) };
}

function symbol(name: string): Typed {
  return { '@t': 'symbol', '#text': name };
}

function list(item: string, values: readonly unknown[]): XmlList {
  return { '@t': 'list', [item]: values };
}

function document(request: AnswersRequest): Record<string, unknown> {
  return {
    profile: {
      '@xmlns': 'http://www.suse.com/1.0/yast2ns',
      '@xmlns:config': 'http://www.suse.com/1.0/configns',
      ...prefixed(profile(request)),
    },
  };
}

/** `@t` is written `config:type`. */
function prefixed(value: unknown): Record<string, unknown> {
  const change = (part: unknown): unknown => {
    if (Array.isArray(part)) return part.map(change);
    if (typeof part === 'string') return carried(part);
    if (typeof part !== 'object' || part === null) return part;
    return Object.fromEntries(
      Object.entries(part).map(([name, inner]) => [name === '@t' ? '@config:type' : name, name === '@t' ? inner : change(inner)]),
    );
  };
  return change(value) as Record<string, unknown>;
}

/** @throws RangeError for characters that XML cannot carry */
function carried(text: string): string {
  // oxlint-disable-next-line no-control-regex -- that is what it is about
  if (/[\u0000-\u0008\u000b\u000c\r\u000e-\u001f\ufffe\uffff]/.test(text) || !text.isWellFormed())
    throw new RangeError(`an AutoYaST profile cannot carry ${JSON.stringify(text)}`);
  return text;
}

export function profile(request: AnswersRequest): Record<string, unknown> {
  const { template } = request;
  const { locale } = installerLocale(template.locale);
  return {
    general: {
      mode: {
        confirm: no,
        // One stage: nothing is configured at the first start of the installed system.
        second_stage: no,
        halt: request.end === 'poweroff' ? yes : no,
        final_reboot: no,
        final_halt: no,
      },
      'signature-handling': {
        accept_unsigned_file: no,
        accept_verification_failed: no,
        accept_unknown_gpg_key: no,
        import_gpg_key: no,
      },
    },
    report: {
      errors: { log: yes, show: yes, timeout: integer(0) },
      warnings: { log: yes, show: no, timeout: integer(10) },
      messages: { log: yes, show: no, timeout: integer(10) },
    },
    language: { language: locale.split('.')[0] ?? locale },
    keyboard: { keymap: 'english-us' },
    timezone: { hwclock: 'UTC', timezone: template.timezone },
    networking: {
      keep_install_network: no,
      interfaces: list('interface', [{ bootproto: 'dhcp', name: 'eth0', startmode: 'auto' }]),
    },
    partitioning: list('drive', [drive(request)]),
    bootloader: {
      loader_type: template.disk.firmware === 'bios' ? 'grub2' : 'grub2-efi',
      global: { timeout: integer(1), ...kernelArguments(request) },
    },
    software: {
      install_recommended: no,
      patterns: list('pattern', ['base']),
      packages: list('package', packages(request)),
    },
    users: list('user', [
      {
        username: 'root',
        // Not the hash of any password.
        user_password: '!',
        encrypted: yes,
        authorized_keys: list('authorized_key', [request.publicKey]),
      },
    ]),
    firewall: { enable_firewall: yes, start_firewall: yes, default_zone: 'public', zones: list('zone', [zone]) },
    'services-manager': { default_target: 'multi-user', services: { enable: list('service', ['sshd']) } },
    scripts: scripts(request),
  };
}

const zone = { name: 'public', services: list('service', ['ssh', 'dhcpv6-client']) };

function packages(request: AnswersRequest): string[] {
  const both = request.template.disk.firmware === 'both' ? ['grub2-i386-pc'] : [];
  const kernel = request.kernelPackage === undefined ? [] : [request.kernelPackage];
  return [...new Set(['openssh', ...kernel, ...both, ...request.packages])];
}

function kernelArguments(request: AnswersRequest): Record<string, string> {
  return request.kernelArguments.length === 0 ? {} : { append: request.kernelArguments.join(' ') };
}

/** Partition ids: 263 is BIOS boot, 259 EFI system, 131 Linux. */
function drive({ template, disk }: AnswersRequest): Record<string, unknown> {
  const { biosMiB, efiMiB } = bootPartitions(template.disk.firmware);
  const partition = (id: number, size: string, more: Record<string, unknown>): Record<string, unknown> => ({
    create: yes,
    partition_id: integer(id),
    size,
    ...more,
  });
  const format = (filesystem: string, mount: string): Record<string, unknown> => ({
    format: yes,
    filesystem: symbol(filesystem),
    mount,
    mountby: symbol('uuid'),
  });
  return {
    ...(disk === undefined ? {} : { device: disk }),
    type: symbol('CT_DISK'),
    disklabel: 'gpt',
    initialize: yes,
    use: 'all',
    partitions: list('partition', [
      ...(biosMiB > 0 ? [partition(263, `${biosMiB}MiB`, { format: no })] : []),
      ...(efiMiB > 0 ? [partition(259, `${efiMiB}MiB`, format('vfat', '/boot/efi'))] : []),
      partition(131, 'max', format(template.disk.filesystem, '/')),
    ]),
  };
}

function scripts(request: AnswersRequest): Record<string, unknown> {
  const script = (filename: string, lines: string[], more: Record<string, unknown> = {}): Record<string, unknown> => ({
    filename,
    interpreter: 'shell',
    ...more,
    source: `\n${lines.join('\n')}\n`,
  });
  const pre = phoneHome(request, 'answers', 'curl');
  const inside = [
    'set -e',
    ...allowBuildKey(request, ''),
    ...(request.template.disk.firmware === 'both' ? [installBiosLoader('grub2-install')] : []),
  ];
  const post = phoneHome(request, 'installed', 'curl');
  return {
    ...(pre.length > 0 ? { 'pre-scripts': list('script', [script('answers.sh', pre)]) } : {}),
    'chroot-scripts': list('script', [
      script('build-key.sh', inside, { chrooted: yes }),
      ...(post.length > 0 ? [script('installed.sh', post, { chrooted: no })] : []),
    ]),
  };
}
