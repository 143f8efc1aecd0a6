import type { Xapi } from '../../clients/xapi.ts';
import type { TargetContext } from '../../model/target.ts';
import type { XcpNgSettings } from './settings.ts';

/** What everything here works with: a pool that is logged in to, and what was said about it. */
export interface Pool {
  /** As the configuration calls it. */
  name: string;
  settings: XcpNgSettings;
  xapi: Xapi;
  ctx: TargetContext;
}

/** Announces a step of the work on a pool. */
export async function step<T>({ ctx }: Pool, id: string, title: string, work: () => Promise<T>): Promise<T> {
  const started = performance.now();
  ctx.emit({ type: 'step.started', step: id, title });
  try {
    const result = await work();
    ctx.emit({ type: 'step.finished', step: id, durationMs: performance.now() - started, reused: false });
    return result;
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    ctx.emit({ type: 'step.failed', step: id, durationMs: performance.now() - started, message });
    throw error;
  }
}
