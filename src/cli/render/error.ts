import { bug } from '../../util/error-table.ts';
import { AppError, errorTable, type Fault, isCancellation } from '../../util/errors.ts';
import { redact, redactDeep } from '../../util/redact.ts';
import type { Style } from '../style.ts';

/** The exit code that an error means. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof AppError) return errorTable[error.code].exit;
  return isCancellation(error) ? errorTable.CANCELLED.exit : bug.exit;
}

/** An error for people: what failed, where, what the tool said last, and what to do. */
export function errorText(error: unknown, style: Style, verbose: boolean): string {
  if (isCancellation(error)) return `${style.warning('cancelled')}: ${redact(messageOf(error))}\n`;
  if (!(error instanceof AppError)) return bugText(error, style);
  const lines = [`${style.bad('error:')} ${error.message}  ${style.faint(error.code)}`];
  for (const fault of error.faults) lines.push(...faultLines(fault, style));
  const { lastLines } = error.details;
  if (Array.isArray(lastLines)) lines.push(...lastLines.map((line) => `  ${style.faint('|')} ${String(line)}`));
  if (error.hint !== undefined) lines.push(`${style.name('hint:')} ${error.hint}`);
  else if (error.faults.length === 0) lines.push(style.faint(`See: gabarit explain ${error.code}`));
  if (verbose && error.cause !== undefined) lines.push(style.faint(`cause: ${stackOf(error.cause)}`));
  return redact(`${lines.join('\n')}\n`);
}

function faultLines(fault: Fault, style: Style): string[] {
  const place = [fault.file, fault.line, fault.column].filter((part) => part !== undefined).join(':');
  const line = `  ${place === '' ? '' : `${style.strong(place)}: `}${fault.message}`;
  return fault.hint === undefined ? [line] : [line, `    ${fault.hint}`];
}

function bugText(error: unknown, style: Style): string {
  const lines = [
    `${style.bad('bug in Gabarit:')} ${messageOf(error)}`,
    style.faint(stackOf(error)),
    'Please report it: the lines above, the command that you gave, and what "gabarit version" and "gabarit doctor" say.',
  ];
  return redact(`${lines.join('\n')}\n`);
}

/** An error as data, for `--json`. */
export function errorJson(error: unknown): object {
  const exit = exitCodeOf(error);
  if (error instanceof AppError) {
    const { code, message, hint, faults, details } = error;
    return redactDeep({ type: 'error', code, exit, message, hint, faults, details });
  }
  if (isCancellation(error)) return redactDeep({ type: 'error', code: 'CANCELLED', exit, message: messageOf(error) });
  return redactDeep({ type: 'error', code: 'BUG', exit, message: messageOf(error), stack: stackOf(error) });
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
