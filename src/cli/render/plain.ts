import { linesOf, type LineOptions } from './lines.ts';
import { progressText, type RunState, type StepState, track } from './progress.ts';
import type { Renderer, Sink } from './renderer.ts';

const progressEveryMs = 10_000;

/** For pipes, logs and CI: a line when a step begins and ends, and now and then one about its progress. Nothing moves. */
export function plainRenderer(out: Sink, options: LineOptions): Renderer {
  const runs = new Map<string, RunState>();
  const lastShownMs = new WeakMap<StepState, number>();
  return {
    handle(event) {
      const step = 'step' in event ? event.step : '';
      const before = runs.get(event.run ?? '')?.steps.get(step);
      const state = track(runs, event).steps.get(step);
      const prefix = options.several && event.run !== undefined ? `${options.style.name(event.run)}  ` : '';
      if (event.type === 'step.started') out.write(`${prefix}  ${event.title} ...\n`);
      if (event.type === 'step.progress' && state) {
        const atMs = Date.parse(event.time);
        if (atMs - (lastShownMs.get(state) ?? state.startedMs) >= progressEveryMs) {
          lastShownMs.set(state, atMs);
          out.write(`${prefix}  ${state.title}: ${progressText(state).trim()}\n`);
        }
      }
      for (const line of linesOf(event, before?.title ?? step, options)) out.write(`${line}\n`);
    },
    close: () => undefined,
  };
}
