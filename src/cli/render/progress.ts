import { formatSize } from '../../model/size.ts';
import type { EmittedEvent } from '../../util/events.ts';
import { formatDuration } from './words.ts';

/** What is known of the builds at a moment, drawn from the events and nothing else: the same events always give the same picture. */

type ProgressEvent = Extract<EmittedEvent, { type: 'step.progress' }>;

export interface StepState {
  step: string;
  title: string;
  startedMs: number;
  progress?: ProgressEvent;
  /** The last seconds of progress, for the rate. */
  samples: { atMs: number; done: number }[];
}

export interface RunState {
  startedMs: number;
  version?: string;
  /** Steps under way, in the order in which they began. */
  steps: Map<string, StepState>;
}

const windowMs = 5000;

/** Takes an event into the picture. A run without a name is that of the whole command (`''`). */
export function track(runs: Map<string, RunState>, event: EmittedEvent): RunState {
  const key = event.run ?? '';
  const atMs = Date.parse(event.time);
  const run = runs.get(key) ?? { startedMs: atMs, steps: new Map<string, StepState>() };
  runs.set(key, run);
  if (event.type === 'run.started') run.version = event.version;
  if (event.type === 'step.started')
    run.steps.set(event.step, { step: event.step, title: event.title, startedMs: atMs, samples: [] });
  if (event.type === 'step.progress') trackProgress(run, event, atMs);
  if (event.type === 'step.finished' || event.type === 'step.failed') run.steps.delete(event.step);
  if (event.type === 'run.finished') runs.delete(key);
  return run;
}

function trackProgress(run: RunState, event: ProgressEvent, atMs: number): void {
  const state = run.steps.get(event.step) ?? { step: event.step, title: event.step, startedMs: atMs, samples: [] };
  run.steps.set(event.step, state);
  const isNew = state.progress?.unit !== event.unit || state.progress.total !== event.total || event.done < state.progress.done;
  if (isNew) state.samples = [];
  state.progress = event;
  state.samples.push({ atMs, done: event.done });
  while (state.samples.length > 2 && (state.samples[0]?.atMs ?? 0) < atMs - windowMs) state.samples.shift();
}

/** Units a second over the last seconds, or undefined while too little is known. */
export function rateOf({ samples }: StepState): number | undefined {
  const [first, last] = [samples[0], samples.at(-1)];
  if (!first || !last || last.atMs - first.atMs < 500) return undefined;
  return ((last.done - first.done) * 1000) / (last.atMs - first.atMs);
}

/** `61%  182.3 of 297.1 MiB  88.1 MiB/s  2 s left`, or as much of it as is known. */
export function progressText(state: StepState): string {
  const { progress } = state;
  if (!progress) return '';
  const { done, total, unit, note } = progress;
  const parts: string[] = [];
  if (total !== undefined && total > 0) parts.push(`${String(Math.min(100, Math.floor((done / total) * 100))).padStart(3)}%`);
  if (done > 0 || total !== undefined) parts.push(amountText(done, total, unit));
  const rate = rateOf(state);
  if (rate !== undefined && rate > 0) {
    if (unit === 'bytes') parts.push(`${formatSize(Math.round(rate))}/s`);
    if (total !== undefined && total > done) parts.push(`${formatDuration(((total - done) / rate) * 1000)} left`);
  }
  if (note) parts.push(note);
  return parts.join('  ');
}

function amountText(done: number, total: number | undefined, unit: ProgressEvent['unit']): string {
  const text = (amount: number): string => (unit === 'bytes' ? formatSize(amount) : String(amount));
  const suffix = unit === 'seconds' ? ' s' : '';
  return total === undefined ? `${text(done)}${suffix}` : `${text(done)} of ${text(total)}${suffix}`;
}
