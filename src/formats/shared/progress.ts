import type { StepContext } from '../../model/step.ts';

const reportEvery = 32 * 2 ** 20;

/** Says how far the `convert` step is, every 32 MiB and at the end. Both numbers are bytes; `done` grows in whole MiB. */
export function reportProgress({ emit }: Pick<StepContext, 'emit'>, done: number, total: number): void {
  if (done % reportEvery !== 0 && done !== total) return;
  emit({ type: 'step.progress', step: 'convert', done, total, unit: 'bytes' });
}
