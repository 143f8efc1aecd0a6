import type { StepContext } from '../../model/step.ts';

/** Announces a step, its end and how long it took. */
export async function timed<T extends { reused: boolean }>(
  step: string,
  title: string,
  ctx: StepContext,
  work: () => Promise<T>,
): Promise<T> {
  const started = performance.now();
  ctx.emit({ type: 'step.started', step, title });
  try {
    const result = await work();
    ctx.emit({ type: 'step.finished', step, durationMs: performance.now() - started, reused: result.reused });
    return result;
  } catch (error) {
    ctx.emit({
      type: 'step.failed',
      step,
      durationMs: performance.now() - started,
      message: error instanceof Error ? error.message : String(error),
    });
    throw error;
  }
}
