import { bug, type ErrorFacts, errorTable, exitTable } from '../../util/error-table.ts';
import type { Style } from '../style.ts';
import { table } from './words.ts';

/** A code with all that is known about it. */
export interface ExplainedCode extends ErrorFacts {
  code: string;
}

/** All codes in the order of their exit codes, then of the table; the one of bugs last of its exit code. */
export function allCodes(): ExplainedCode[] {
  const codes = Object.entries({ ...errorTable, BUG: bug }).map(([code, facts]) => ({ code, ...facts }));
  return codes.toSorted((a, b) => a.exit - b.exit);
}

/** One code in full, several as a list. */
export function explainText(codes: readonly ExplainedCode[], style: Style): string {
  const [only] = codes;
  return only && codes.length === 1 ? oneText(only, style) : listText(codes, style);
}

function oneText({ code, exit, http, retry, happened, todo }: ExplainedCode, style: Style): string {
  const again = retry ? 'may help' : 'changes nothing by itself';
  const rows = [
    ['What happened', `${happened}.`],
    ['What to do', `${todo}.`],
    ['Exit code', `${exit}: ${exitMeaning(exit)}`],
    ['API status', String(http)],
    ['Trying again', again],
  ];
  return `${[style.strong(code), ...table(rows).map((line) => `  ${line}`)].join('\n')}\n`;
}

function listText(codes: readonly ExplainedCode[], style: Style): string {
  const rows = codes.map(({ code, exit, happened }) => [String(exit), code, happened]);
  const [head = '', ...lines] = table([['EXIT', 'CODE', 'WHAT HAPPENED'], ...rows], [0]);
  return `${[style.faint(head), ...lines].join('\n')}\n`;
}

function exitMeaning(exit: number): string {
  return Object.entries(exitTable).find(([code]) => code === String(exit))?.[1] ?? '';
}
