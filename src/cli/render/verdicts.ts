import type { Verdict } from '../../model/check.ts';
import type { Style } from '../style.ts';
import { count, table } from './words.ts';

/** How a verification ended: what was not looked at and why, and the numbers. Failures are shown as errors. */
export function verdictSummary(verdicts: readonly Verdict[], style: Style): string {
  const number = (status: Verdict['status']): number => verdicts.filter((verdict) => verdict.status === status).length;
  const skipped = verdicts.filter(({ status }) => status === 'skip');
  const lines = skipped.map(({ check, message }) => style.faint(`- ${check} was skipped: ${message}`));
  const parts = [style.good(`${count(number('pass'), 'check')} passed`)];
  if (number('fail') > 0) parts.push(style.bad(`${number('fail')} failed`));
  if (number('warn') > 0) parts.push(style.warning(count(number('warn'), 'warning')));
  if (skipped.length > 0) parts.push(`${skipped.length} skipped`);
  return `${[...lines, parts.join(', ')].join('\n')}\n`;
}

/** Every verdict on a published image, link by link. */
export function verdictTable(verdicts: readonly Verdict[], style: Style): string {
  const marks = { pass: style.good('✓'), fail: style.bad('✗'), warn: style.warning('!'), skip: style.faint('-') };
  const rows = table(verdicts.map(({ title, subject, message }) => [subject === undefined ? title : `  ${subject}`, message]));
  return `${rows.map((row, at) => `${marks[verdicts[at]?.status ?? 'skip']} ${row}`).join('\n')}\n`;
}
