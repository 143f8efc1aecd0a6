import type { StepContext } from '../model/step.ts';
import { toAppError } from '../util/errors.ts';

/** Does work that is told of as a step: when it begins, and how it ended. */
export async function runTitled<T>(id: string, title: string, { emit }: StepContext, work: () => Promise<T>): Promise<T> {
  const started = performance.now();
  emit({ type: 'step.started', step: id, title });
  try {
    const result = await work();
    emit({ type: 'step.finished', step: id, durationMs: performance.now() - started, reused: false });
    return result;
  } catch (error) {
    const failure = toAppError(error, 'BUILD_FAILED', title);
    emit({ type: 'step.failed', step: id, durationMs: performance.now() - started, message: failure.message });
    throw failure;
  }
}
