import type { Emit } from '../util/events.ts';
import type { Scope } from '../util/scope.ts';

/** What every step and plugin gets from the outside world. */
export interface StepContext {
  /** A folder of this run alone; removed at its end. */
  workdir: string;
  /** The build cache, shared by all runs. */
  cacheDir: string;
  /** Whether the network must not be used. */
  offline: boolean;
  /** Whether finished work must be done again. */
  force: boolean;
  signal: AbortSignal;
  scope: Scope;
  emit: Emit;
}
