import { type Changes, type InventoryDiff, isEmptyDiff } from '../../model/inventory.ts';
import { formatSize } from '../../model/size.ts';
import type { Style } from '../style.ts';
import { table } from './words.ts';

const shownFolders = 12;

/** What differs between two images, thing by thing: `+` the second has it, `-` only the first had it, `~` it changed. */
export function diffText(diff: InventoryDiff, style: Style): string {
  if (isEmptyDiff(diff)) return 'Nothing that is compared differs\n';
  const sections: [string, string[]][] = [
    ['Packages', valueLines(diff.packages, style)],
    ['Enabled units', nameLines(diff.enabledUnits, style)],
    ['Masked units', nameLines(diff.maskedUnits, style)],
    ['Listening ports', nameLines(diff.ports, style)],
    ['Users', valueLines(diff.users, style)],
    ['Sudo', nameLines(diff.sudoers, style)],
    ['Setuid programs', valueLines(diff.setuid, style)],
    ['Kernel arguments', nameLines(diff.kernelArguments, style)],
    ['Size', sizeLines(diff.folders)],
  ];
  return sections
    .filter(([, lines]) => lines.length > 0)
    .map(([title, lines]) => `${style.strong(title)}\n${lines.map((line) => `  ${line}\n`).join('')}`)
    .join('\n');
}

function valueLines({ added, removed, changed }: Changes<string>, style: Style): string[] {
  const rows = [
    ...Object.entries(added).map(([name, value]) => [`+ ${name}`, value]),
    ...Object.entries(removed).map(([name, value]) => [`- ${name}`, value]),
    ...Object.entries(changed).map(([name, { from, to }]) => [`~ ${name}`, `${from} -> ${to}`]),
  ];
  return table(rows).map((line) => colored(line, style));
}

function nameLines({ added, removed }: Changes<true>, style: Style): string[] {
  const lines = [...Object.keys(added).map((name) => `+ ${name}`), ...Object.keys(removed).map((name) => `- ${name}`)];
  return lines.map((line) => colored(line, style));
}

function colored(line: string, style: Style): string {
  return line.startsWith('+') ? style.good(line) : line.startsWith('-') ? style.bad(line) : style.warning(line);
}

function sizeLines(folders: InventoryDiff['folders']): string[] {
  const difference = ({ from, to }: { from: number; to: number }): string =>
    `${to < from ? '-' : '+'}${formatSize(Math.abs(to - from))}`;
  const rows = folders.slice(0, shownFolders).map((item) => [item.folder, difference(item), formatSize(item.to)]);
  const rest = folders.slice(shownFolders);
  const sum = folders.reduce((total, { from, to }) => ({ from: total.from + from, to: total.to + to }), { from: 0, to: 0 });
  if (rest.length > 0) rows.push([`${rest.length} more`, '', '']);
  if (folders.length > 1) rows.push(['all together', difference(sum), '']);
  return table(rows, [1, 2]);
}
