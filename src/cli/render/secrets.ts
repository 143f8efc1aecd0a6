import type { SecretFact } from '../../pipeline/check-secrets.ts';
import type { Style } from '../style.ts';
import { table } from './words.ts';

export function secretsText(facts: readonly SecretFact[], style: Style): string {
  if (facts.length === 0) return 'The configuration names no secrets, and there are no keys\n';
  const marks = { pass: style.good('✓'), fail: style.bad('✗'), warn: style.warning('!'), skip: style.faint('-') };
  const rows = facts.map(({ named, reference, ageDays, mode, message }) => [
    named,
    reference,
    ageDays === undefined ? '-' : `${ageDays} d`,
    mode ?? '-',
    message,
  ]);
  const [head = '', ...lines] = table([['NAMED', 'LIES IN', 'AGE', 'MODE', ''], ...rows], [2]);
  return `${[style.faint(`  ${head}`), ...lines.map((line, at) => `${marks[facts[at]?.status ?? 'skip']} ${line}`)].join('\n')}\n`;
}
