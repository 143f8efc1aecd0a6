import type { AppError } from '../util/errors.ts';
import type { ImageReference } from './image-reference.ts';
import type { Deployment, DeployPlan, SweptItem } from './target.ts';

/** What a person asks of `gabarit deploy`, `rollback` and `deployments`, and how it ended on each target. */

export interface DeployRequestOptions {
  image: ImageReference;
  /** Names in the configuration. */
  targets: string[];
  /** Only say what would happen. */
  dryRun: boolean;
  /** Instead of what the settings of the targets say. */
  bytesPerSecond?: number;
  test?: boolean;
}

export type TargetOutcome = 'deployed' | 'promoted' | 'unchanged' | 'planned' | 'removed' | 'swept' | 'failed' | 'cancelled';

/** How it went on one target. */
export interface TargetResult {
  target: string;
  outcome: TargetOutcome;
  durationMs: number;
  /** With `dryRun`. */
  plan?: DeployPlan;
  deployment?: Deployment;
  /** What had the name before; it is kept for a rollback. */
  replaced?: Deployment;
  removed?: Deployment[];
  swept?: SweptItem[];
  /** Bytes that were sent. */
  sent?: number;
  error?: AppError;
}

/** What lies on one target, or why it could not be asked. */
export interface TargetListing {
  target: string;
  deployments: (Deployment & { revoked?: string })[];
  error?: AppError;
}
