import { createLogUpdate } from 'log-update';
import type { LineOptions } from './lines.ts';
import { linesOf } from './lines.ts';
import { progressText, type RunState, type StepState, track } from './progress.ts';
import type { Renderer } from './renderer.ts';
import { cut, formatDuration } from './words.ts';

const frames = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];
const frameMs = 120;

/** For terminals: finished steps stay, and below them one line that moves for each running build (or step, when there is one build). */
export function ttyRenderer(stream: NodeJS.WriteStream, options: LineOptions): Renderer {
  const runs = new Map<string, RunState>();
  const screen = createLogUpdate(stream);
  let closed = false;
  const draw = (): void => screen(liveLines(runs, Date.now(), stream.columns, options).join('\n'));
  const timer = setInterval(draw, frameMs);
  timer.unref();
  return {
    handle(event) {
      const step = 'step' in event ? event.step : '';
      const before = runs.get(event.run ?? '')?.steps.get(step);
      track(runs, event);
      // With several builds the moving line tells of steps; what stays is how each build ended.
      const isRoutine = options.several && event.type === 'step.finished' && !options.verbose;
      const lines = isRoutine ? [] : linesOf(event, before?.title ?? step, options);
      if (closed) stream.write(lines.map((line) => `${line}\n`).join(''));
      else if (lines.length > 0) screen.persist(lines.join('\n'));
    },
    close() {
      if (closed) return;
      closed = true;
      clearInterval(timer);
      screen.clear();
      screen.done();
    },
  };
}

/** The lines that move, each cut to the width of the terminal. */
export function liveLines(
  runs: Map<string, RunState>,
  nowMs: number,
  columns: number,
  { style, several }: LineOptions,
): string[] {
  const frame = style.name(frames[Math.floor(nowMs / frameMs) % frames.length] ?? '');
  const nameWidth = several ? Math.max(0, ...[...runs.keys()].map((name) => name.length)) : 0;
  const lines: string[] = [];
  for (const [name, run] of runs) {
    const steps = [...run.steps.values()];
    const prefix = several ? `${name.padEnd(nameWidth)}  ` : '';
    for (const step of several ? steps.slice(-1) : steps) {
      lines.push(`${frame} ${style.name(prefix)}${cut(stepText(step, nowMs), columns - prefix.length - 3)}`);
    }
  }
  return lines;
}

function stepText(step: StepState, nowMs: number): string {
  const progress = progressText(step);
  const elapsed = formatDuration(Math.max(0, nowMs - step.startedMs));
  return `${step.title.padEnd(20)}  ${progress === '' ? elapsed : progress}`;
}
