import type { EmittedEvent, VerdictStatus } from '../../util/events.ts';
import type { Style } from '../style.ts';
import { formatDuration, shortPath } from './words.ts';

export interface LineOptions {
  style: Style;
  verbose: boolean;
  /** Several builds: each line says which one it is about. */
  several: boolean;
}

/** The lines that stay on the screen for an event; progress and beginnings have none. `title` is what the step is called. */
export function linesOf(event: EmittedEvent, title: string, options: LineOptions): string[] {
  const { style, several } = options;
  const prefix = several && event.run !== undefined ? `${style.name(event.run)}  ` : '';
  switch (event.type) {
    case 'step.finished': {
      const what = [title, event.note].filter((part) => part !== undefined && part !== '').join(': ');
      const time = style.faint(event.reused ? 'reused' : formatDuration(event.durationMs));
      return [`${prefix}${style.good('✓')} ${what.padEnd(several ? 0 : 48)}  ${time}`];
    }
    case 'step.failed':
      // With several builds, how the build ended says it.
      return several
        ? []
        : [`${prefix}${style.bad('✗')} ${title.padEnd(several ? 0 : 48)}  ${style.faint(formatDuration(event.durationMs))}`];
    case 'run.finished':
      return several ? [`${prefix}${runText(event, style)}`] : [];
    case 'verdict':
      return verdictLines(event, prefix, options);
    case 'probe':
      return probeLines(event, style);
    case 'log':
      return logLines(event, prefix, options);
    default:
      return [];
  }
}

function runText(event: Extract<EmittedEvent, { type: 'run.finished' }>, style: Style): string {
  const time = style.faint(formatDuration(event.durationMs));
  const where = event.output === undefined ? '' : `  ${shortPath(event.output)}`;
  if (event.outcome === 'done' || event.outcome === 'unchanged') return `${style.good('✓')} ${event.outcome}${where}  ${time}`;
  return `${style.bad('✗')} ${event.outcome}${event.error === undefined ? '' : `: ${event.error}`}  ${time}`;
}

function verdictLines(
  event: Extract<EmittedEvent, { type: 'verdict' }>,
  prefix: string,
  { style, verbose }: LineOptions,
): string[] {
  const { status, check, subject, title } = event;
  if (!verbose && (status === 'pass' || status === 'skip')) return [];
  const where = subject === undefined ? '' : ` (${subject})`;
  return [`${prefix}  ${markOf(status, style)} ${check}${where}: ${event.message === '' ? title : event.message}`];
}

function markOf(status: VerdictStatus, style: Style): string {
  return { pass: style.good('✓'), fail: style.bad('✗'), warn: style.warning('!'), skip: style.faint('-') }[status];
}

function probeLines({ status, title, message, hint }: Extract<EmittedEvent, { type: 'probe' }>, style: Style): string[] {
  const line = `${markOf(status, style)} ${title.padEnd(18)}  ${message}`;
  return hint === undefined ? [line] : [line, `  ${' '.repeat(18)}  ${style.faint(hint)}`];
}

function logLines(event: Extract<EmittedEvent, { type: 'log' }>, prefix: string, { style, verbose }: LineOptions): string[] {
  const { level, message, source } = event;
  // What tools and scripts say is for those who ask; what Gabarit says is for everybody.
  if (!verbose && (level === 'debug' || (level === 'info' && source !== undefined))) return [];
  if (level === 'warn') return [`${prefix}${style.warning('warning:')} ${message}`];
  if (level === 'error') return [`${prefix}${style.bad('error:')} ${message}`];
  return [`${prefix}${style.faint(source === undefined ? message : `${source} | ${message}`)}`];
}
