import type { ApiStep } from '../model/api/jobs.ts';
import type { JobEvent } from '../model/job.ts';

/** The steps of a job's last attempt, as its milestones tell. */
export function stepsOf(events: readonly JobEvent[]): ApiStep[] {
  const last = events.at(-1)?.attempt ?? 0;
  const steps = new Map<string, ApiStep>();
  for (const { attempt, time, event } of events) {
    if (attempt !== last) continue;
    const { type, step, title, durationMs, reused, note, message } = event as Record<string, unknown>;
    if (typeof step !== 'string') continue;
    const before = steps.get(step) ?? { step, title: step, state: 'running' as const };
    if (type === 'step.started')
      steps.set(step, { step, title: typeof title === 'string' ? title : step, state: 'running', started: time });
    if (type === 'step.finished') {
      const duration = typeof durationMs === 'number' ? { durationMs } : {};
      steps.set(step, {
        ...before,
        state: reused === true ? 'reused' : 'done',
        ...duration,
        ...(typeof note === 'string' ? { note } : {}),
      });
    }
    if (type === 'step.failed') {
      const duration = typeof durationMs === 'number' ? { durationMs } : {};
      steps.set(step, { ...before, state: 'failed', ...duration, ...(typeof message === 'string' ? { message } : {}) });
    }
  }
  return [...steps.values()];
}
