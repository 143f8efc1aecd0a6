import { basename } from 'node:path';
import type {
  ComponentsInspection,
  DiskInspection,
  Inspection,
  MediumInspection,
  SystemInspection,
} from '../../model/inspection.ts';
import { formatSize } from '../../model/size.ts';
import type { Style } from '../style.ts';
import { shortPath, table } from './words.ts';

/** All that was found in a file, as lines of a name and a value. */
export function inspectionText(found: Inspection, style: Style): string {
  const { checksums, medium, components } = found;
  const rows = [
    ['Format', found.format],
    ['File', formatSize(found.size)],
    ...Object.entries(found.facts).map(([name, value]) => [capital(name), wordOf(value)]),
    ...(checksums ? [['Checksums', `${checksums.checked} compared (${checksums.kind}), all right`]] : []),
    ...(medium ? mediumRows(medium) : []),
    ...(components ? [['Components', componentsText(components)]] : []),
  ];
  // One width of names for all that follows.
  const width = Math.max(...[...rows, ...found.disks.flatMap(diskRows)].map(([name = '']) => name.length));
  const shown = (row: string[]): string => `  ${(row[0] ?? '').padEnd(width)}  ${row[1] ?? ''}`;
  const lines = [style.strong(shortPath(found.path)), ...rows.map(shown)];
  for (const [index, disk] of found.disks.entries()) {
    if (found.disks.length > 1) lines.push('', style.strong(`Disk ${index}`));
    lines.push(...diskRows(disk).map(shown), ...partitionLines(disk).map((line) => style.faint(line)));
    lines.push(...disk.remarks.map((remark) => `  ${style.warning('!')} ${remark}`));
  }
  return `${lines.join('\n')}\n`;
}

function componentsText({ file, format, packages, withDigest, withLicence, ofThisImage }: ComponentsInspection): string {
  const text = `${packages} in ${basename(file)} (${format}), ${withDigest} with the digest of their package, ${withLicence} with licences`;
  return ofThisImage ? text : `${text}; the manifest beside it does not name both`;
}

function capital(text: string): string {
  if (text === 'cpus') return 'CPUs';
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}

function wordOf(value: string | number | boolean): string {
  return typeof value === 'boolean' ? (value ? 'yes' : 'no') : String(value);
}

function diskRows({ virtualSize, allocated, table: kind, partitions, firmware, system }: DiskInspection): string[][] {
  return [
    ['Virtual size', `${formatSize(virtualSize)} (${virtualSize} bytes)`],
    ['Allocated', formatSize(allocated)],
    ['Partitions', kind === 'none' ? 'no partition table' : `${partitions.length}, ${kind.toUpperCase()}`],
    ['Starts by', firmware.map((each) => each.toUpperCase()).join(' and ') || 'nothing that is known'],
    ...(system ? systemRows(system) : [['System', 'none that can be read']]),
  ];
}

function partitionLines({ partitions }: DiskInspection): string[] {
  return table(
    partitions.map(({ number, type, name, offset, size, filesystem, label }) => [
      `    ${number === 0 ? '-' : number}`,
      type,
      name,
      filesystem ?? '-',
      label === undefined ? '' : `"${label}"`,
      formatSize(size),
      `at ${formatSize(offset)}`,
    ]),
    [5],
  );
}

function systemRows(system: SystemInspection): string[][] {
  const { pointRelease, cloudInit, guestAgents, kernels, packages, packagesUnknown } = system;
  return [
    ['System', `${system.title}, ${system.arch}`],
    [
      'Release',
      `${system.distro} ${system.release}${pointRelease === undefined || pointRelease === system.release ? '' : `, point release ${pointRelease}`}`,
    ],
    ['Kernel', kernels.join(', ') || 'none'],
    ['cloud-init', cloudInit ?? 'none'],
    ['Guest agents', guestAgents.join(', ') || 'none'],
    ...(packages === undefined ? [] : [['Packages', String(packages)]]),
    ...(packagesUnknown === undefined ? [] : [['Packages', `unknown: ${packagesUnknown}`]]),
  ];
}

function mediumRows(medium: MediumInspection): string[][] {
  const { volumeId, volumeSize, kind, installer, flavour, title, release, codename, arch, firmware, source } = medium;
  return [
    ['Volume', `${volumeId || 'without a name'}, ${formatSize(volumeSize)}`],
    ['Kind', [kind, installer, flavour].filter((each) => each !== undefined).join(', ')],
    ...(title === undefined ? [] : [['System', [title, arch].filter(Boolean).join(', ')]]),
    ...(release === undefined ? [] : [['Release', [release, codename].filter(Boolean).join(' ')]]),
    ['Starts by', firmware.map((each) => each.toUpperCase()).join(' and ') || 'nothing'],
    ...(source === undefined ? [] : [['Told by', source]]),
  ];
}
