import { type Job, type JobEvent, requestTitle, type ScheduleStatus } from '../../model/job.ts';
import type { Style } from '../style.ts';
import { formatDuration, table } from './words.ts';

/** Jobs and schedules for people. */

export function jobsText(jobs: readonly Job[], style: Style): string {
  if (jobs.length === 0) return 'There are no such jobs.\n';
  const rows = jobs.map((job) => [
    job.id,
    job.state,
    howLong(job),
    job.requestedBy,
    requestTitle(job.request),
    job.error?.code ?? '',
  ]);
  const [head = '', ...lines] = table([['job', 'state', 'took', 'by', 'what', ''], ...rows]);
  return `${style.faint(head)}\n${lines.join('\n')}\n`;
}

function howLong({ started, finished }: Job): string {
  if (started === undefined) return '';
  return formatDuration((finished === undefined ? Date.now() : Date.parse(finished)) - Date.parse(started));
}

export function jobText(job: Job, events: readonly JobEvent[], style: Style): string {
  const facts: [string, string | undefined][] = [
    ['state', job.state],
    ['asked by', job.requestedBy],
    ['labels', job.labels.join(', ')],
    ['attempt', job.attempt > 0 ? String(job.attempt) : ''],
    ['worker', job.worker],
    ['plan', job.plan],
    ['version', job.version],
    ['published', job.result?.published && `${job.result.published.template}@${job.result.published.version}`],
    ['output', job.result?.output],
    ['error', job.error && `${job.error.message} (${job.error.code})`],
    ['hint', job.error?.hint],
  ];
  const shown = table(facts.flatMap(([name, value]) => (value ? [[`  ${name}`, value]] : [])));
  const milestones = events.map(
    ({ time, event }) => `  ${style.faint(time.slice(0, 19).replace('T', ' '))}  ${eventText(event)}`,
  );
  return `${style.strong(requestTitle(job.request))}\n${[...shown, '', ...milestones].join('\n')}\n`;
}

function eventText({ type, ...event }: JobEvent['event']): string {
  const details = Object.entries(event).flatMap(([name, value]) =>
    (typeof value === 'string' || typeof value === 'number') && !['seq', 'time', 'run'].includes(name) ? [`${value}`] : [],
  );
  return [type, ...details].join(' ');
}

export function schedulesText(schedules: readonly ScheduleStatus[], style: Style): string {
  if (schedules.length === 0) return 'There are no schedules.\n';
  const rows = schedules.map(({ id, cron, timezone, enabled, next, request }) => [
    id,
    cron,
    timezone,
    enabled ? (next?.slice(0, 16).replace('T', ' ') ?? '') : 'off',
    requestTitle(request),
  ]);
  const [head = '', ...lines] = table([['schedule', 'when', 'in', 'next (UTC)', 'what'], ...rows]);
  return `${style.faint(head)}\n${lines.join('\n')}\n`;
}
