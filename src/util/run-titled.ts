import { toAppError, type ErrorCode } from './errors.ts';
import type { Emit } from './events.ts';

/**
 * Does work that is told of as a step: when it begins, and how it ended.
 * @throws AppError as it was thrown; anything else becomes one with `code`
 */
export async function runTitled<T>(
  id: string,
  title: string,
  emit: Emit,
  work: () => Promise<T>,
  code: ErrorCode = 'BUILD_FAILED',
): Promise<T> {
  const started = performance.now();
  emit({ type: 'step.started', step: id, title });
  try {
    const result = await work();
    emit({ type: 'step.finished', step: id, durationMs: performance.now() - started, reused: false });
    return result;
  } catch (error) {
    const failure = toAppError(error, code, title);
    emit({ type: 'step.failed', step: id, durationMs: performance.now() - started, message: failure.message });
    throw failure;
  }
}
