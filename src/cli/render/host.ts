import type { HostFact, HostReport } from '../../model/host.ts';
import type { Style } from '../style.ts';
import { table } from './words.ts';

/** What this host can do; quiet: only what is not right; verbose: each tool of the tests, too. */
export function hostText(report: HostReport, style: Style, { quiet = false, verbose = false }): string {
  const marks = { ok: style.good('✓'), warn: style.warning('!'), fail: style.bad('✗') };
  const facts = (verbose ? report.facts : withTestsTogether(report.facts)).filter(({ status }) => !quiet || status !== 'ok');
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

/** What only Gabarit's own tests need, as one fact: whoever builds images has no use for it. */
function withTestsTogether(facts: readonly HostFact[]): HostFact[] {
  const tests = facts.filter(({ neededFor }) => neededFor === 'test');
  const missing = tests.filter(({ status }) => status !== 'ok').length;
  if (tests.length === 0) return [...facts];
  const found = missing === 0 ? `${tests.length} there` : `${missing} of ${tests.length} missing; "gabarit test" brings them`;
  const together: HostFact = { id: 'tests', title: 'Tools of the tests', neededFor: 'test', status: 'ok', found };
  const rest = facts.filter(({ neededFor }) => neededFor !== 'test');
  return [...rest, together];
}
