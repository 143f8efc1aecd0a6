import { type LogPlace, readJobLog } from '../jobs/job-log.ts';
import type { ApiLogLine } from '../model/api/jobs.ts';

/** The log of a job as lines for people: events as sentences, filtered on the way. */

const levels = ['debug', 'info', 'warn', 'error'] as const;
const partBytes = 256 * 1024;
/** One request searches through no more: the next goes on from there. */
const mostBytes = 32 * 2 ** 20;

export interface LogQuery {
  attempt?: number | undefined;
  position: number;
  limit: number;
  search?: string | undefined;
  level?: (typeof levels)[number] | undefined;
}

export interface LogLines {
  attempt: number;
  lines: ApiLogLine[];
  /** Bytes. */
  next: number;
  end: boolean;
}

export async function readLogLines(
  place: LogPlace,
  job: string,
  { attempt, position, limit, search, level = 'debug' }: LogQuery,
): Promise<LogLines> {
  const wanted = search?.toLowerCase() ?? '';
  const lines: ApiLogLine[] = [];
  let next = position;
  for (;;) {
    const part = await readJobLog(place, job, {
      ...(attempt === undefined ? {} : { attempt }),
      position: next,
      limit: partBytes,
    });
    let at = next;
    for (const text of part.lines) {
      at += Buffer.byteLength(text) + 1;
      const line = lineOf(text);
      if (line === undefined || levels.indexOf(line.level) < levels.indexOf(level)) continue;
      if (wanted !== '' && !line.message.toLowerCase().includes(wanted)) continue;
      lines.push(line);
      if (lines.length >= limit) return { attempt: part.attempt, lines, next: Math.min(at, part.position), end: false };
    }
    const isStuck = part.position === next;
    next = part.position;
    if (isStuck || part.end || next - position >= mostBytes) return { attempt: part.attempt, lines, next, end: part.end };
  }
}

/** Progress is no line: there are thousands. */
function lineOf(text: string): ApiLogLine | undefined {
  let event: Record<string, unknown>;
  try {
    event = JSON.parse(text) as Record<string, unknown>;
  } catch {
    return { time: '', type: 'log', level: 'warn', message: text.slice(0, 1000) };
  }
  const { type, time, step, source } = event;
  const said = sentenceOf(event);
  if (typeof type !== 'string' || said === undefined) return undefined;
  return {
    time: typeof time === 'string' ? time : '',
    type,
    ...said,
    ...(typeof step === 'string' ? { step } : {}),
    ...(typeof source === 'string' ? { source } : {}),
  };
}

function sentenceOf(event: Record<string, unknown>): Pick<ApiLogLine, 'level' | 'message'> | undefined {
  const { type, level, message, title, step, check, status, note, outcome, error } = event as Record<string, string | undefined>;
  const name = title ?? step ?? '';
  switch (type) {
    case 'log':
      return { level: levels.find((known) => known === level) ?? 'info', message: message ?? '' };
    case 'step.started':
      return { level: 'info', message: `${name} …` };
    case 'step.finished':
      return {
        level: 'info',
        message: `${name}: ${event['reused'] === true ? 'as before' : 'done'}${note === undefined ? '' : `, ${note}`}`,
      };
    case 'step.failed':
      return { level: 'error', message: `${name}: ${message ?? 'failed'}` };
    case 'verdict':
      return {
        level: status === 'fail' ? 'error' : status === 'warn' ? 'warn' : 'info',
        message: `${check ?? ''}: ${status ?? ''}${message === '' || message === undefined ? '' : `: ${message}`}`,
      };
    case 'run.finished':
      return { level: outcome === 'failed' ? 'error' : 'info', message: error ?? outcome ?? '' };
    case 'error':
      return { level: 'error', message: message ?? '' };
    case 'step.progress':
    // What came of it is said by the job itself.
    case 'result':
      return undefined;
    default:
      return { level: 'info', message: message ?? type ?? '' };
  }
}
