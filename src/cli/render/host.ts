import type { HostReport } from '../../model/host.ts';
import type { Style } from '../style.ts';
import { table } from './words.ts';

/** What this host can do; quiet: only what is not right. */
export function hostText(report: HostReport, style: Style, quiet: boolean): string {
  const marks = { ok: style.good('✓'), warn: style.warning('!'), fail: style.bad('✗') };
  const facts = report.facts.filter(({ status }) => !quiet || status !== 'ok');
  const rows = table(facts.map(({ title, neededFor, found }) => [title, neededFor, found]));
  const lines = facts.flatMap(({ status, hint }, at) => [
    `${marks[status]} ${rows[at] ?? ''}`,
    ...(hint === undefined ? [] : [`    ${style.faint(hint)}`]),
  ]);
  const can = (able: boolean, what: string): string =>
    able ? style.good(`This host can ${what}.`) : style.bad(`This host cannot ${what}.`);
  if (!quiet) lines.push('', `${can(report.canBuild, 'build images')} ${can(report.canVerify, 'boot and verify them')}`);
  if (report.install !== undefined) lines.push('', 'Install what is missing:', `  ${report.install}`);
  return lines.length === 0 ? '' : `${lines.join('\n')}\n`;
}
