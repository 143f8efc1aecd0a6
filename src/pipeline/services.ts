import type { StepContext } from '../model/step.ts';
import type { EventBus } from '../util/events.ts';
import { Scope } from '../util/scope.ts';
import type { LoadOptions } from './load.ts';
import type { PlanServices } from './make-plan.ts';
import type { RemoveTrees } from './runs.ts';
import type { VerifyServices } from './verify-image.ts';

/** All plugins and settings, as the composition root hands them to the pipeline. */
export interface Services extends VerifyServices, PlanServices {
  removeTrees: RemoveTrees;
  cacheDir: string;
  /** Bytes. */
  cacheLimit: number;
  bus: EventBus;
  load: Omit<LoadOptions, 'signal' | 'engines'>;
}

/** A context for what belongs to no run: looking after the cache. */
export function housekeepingContext({ cacheDir, bus }: Services, signal: AbortSignal): StepContext {
  return { workdir: cacheDir, cacheDir, offline: true, force: false, signal, scope: new Scope(), emit: bus.emitter() };
}
