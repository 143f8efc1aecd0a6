import { setTimeout as sleep } from 'node:timers/promises';
import { endStates, type Job } from '../../model/job.ts';
import type { EmittedEvent } from '../../util/events.ts';
import type { Queue } from './queue.ts';

const lookMs = 700;

/** All that a job says from an attempt on, attempt after attempt, until it has ended; returns how. */
export async function* followJob(
  queue: Pick<Queue, 'get' | 'output'>,
  id: string,
  firstAttempt: number,
  signal: AbortSignal,
): AsyncGenerator<EmittedEvent, Job> {
  let job = await queue.get(id);
  for (let attempt = firstAttempt; ; attempt += 1) {
    while (job.attempt < attempt) {
      if (endStates.includes(job.state)) return job;
      await sleep(lookMs, undefined, { signal });
      job = await queue.get(id);
    }
    for (let position = 0; ; ) {
      const { events, next, end } = await queue.output(id, { attempt, position });
      yield* events;
      position = next;
      if (end) break;
      if (events.length === 0) await sleep(lookMs, undefined, { signal });
    }
    job = await queue.get(id);
  }
}
