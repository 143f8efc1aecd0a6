import type { AppError, Fault } from '../util/errors.ts';
import type { Digest } from '../util/digest.ts';
import type { Changes } from './inventory.ts';
import type { Plan } from './plan.ts';

/** Who runs the job. `gitea` is Forgejo, too. */
export type CiKind = 'github' | 'gitlab' | 'gitea' | 'local';

/** Why the job runs. */
export type CiEvent = 'push' | 'pull-request' | 'schedule' | 'manual' | 'other';

/** What a CI system tells a job, in one vocabulary. */
export interface CiEnvironment {
  kind: CiKind;
  event: CiEvent;
  /** The proposed change comes from another repository: nothing of it is to be trusted. */
  fork: boolean;
  /** The commit that the change is compared with. */
  base?: string;
  /** Files that the system reads afterwards: Markdown for the page of the run, and `name=value` lines for later jobs. */
  summaryFile?: string;
  outputFile?: string;
}

/** What two plans differ in. */
export interface PlanDiff {
  packages: Changes<string>;
  /** Steps, scripts and files, by `script site.sh`, with their digests. */
  provisioning: Changes<string>;
  /** Values of the definition by path: `disk.size`. */
  settings: Changes<string>;
}

export type ChangeState = 'new' | 'changed' | 'unchanged' | 'failed';

/** Whether a template must be built, and why. */
export interface TemplateChange {
  template: string;
  file: string;
  state: ChangeState;
  /** It is in the matrix: changed, or asked for. */
  build: boolean;
  /** Sentences without a full stop. */
  reasons: string[];
  formats: string[];
  plan?: Digest;
  /** The newest version that was published, revoked or not: the next one must follow it. */
  published?: string;
  /** What it was compared with; absent when there is none. */
  before?: Plan;
  diff?: PlanDiff;
  error?: AppError;
}

/** A fault of a definition or workflow as a CI system shows it. */
export interface Annotation extends Fault {
  level: 'error' | 'warning';
  title: string;
}
