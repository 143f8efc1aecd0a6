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
  /** The first step that must be done again; all that begin after it must, too. Shared by all parts of a run. */
  redo?: { from: string; begun: boolean } | undefined;
  /** Leave a machine that a build fails in running, for a look. */
  keepOnError?: boolean | undefined;
  signal: AbortSignal;
  scope: Scope;
  emit: Emit;
}

/** Whether a step that now begins must be done although it was finished. The formats of `convert` are one step each. */
export function mustRedo({ force, redo }: Pick<StepContext, 'force' | 'redo'>, step: string): boolean {
  if (redo && step === redo.from) redo.begun = true;
  return force || (redo?.begun ?? false);
}
