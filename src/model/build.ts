import type { AppError } from '../util/errors.ts';
import type { Plan } from './plan.ts';

/** What a queue decides in the middle of a build, when one carries it out. */
export interface BuildHooks {
  /** Hears of the plan before anything is made of it. Returns the image of an earlier build when that is as good. */
  planned?: (plan: Plan) => Promise<{ version?: string | undefined; output?: string | undefined } | undefined>;
  /** The version of the image, at least the one that this host suggests. */
  version?: (template: string, suggested: string) => Promise<string>;
  /** The first step that is done again although it was finished; all after it are, too. */
  redoFrom?: string;
}

/** What a person asks of `gabarit build`. */
export interface BuildRequest {
  /** Names of templates, or paths of definitions. */
  templates: string[];
  /** Build this plan (a file made by `gabarit plan NAME --json`, or a manifest's `plan.json`) instead of asking the mirrors. */
  planFile?: string;
  /** Formats instead of those of the template. */
  formats?: string[];
  /** Do finished steps again. */
  force: boolean;
  /** Builds at the same time. */
  jobs: number;
  /** Build twice without reusing anything and compare. */
  checkReproducible: boolean;
  /** Boot checks too, after the offline ones. */
  verify: boolean;
  /** Use only what the cache holds: no network. */
  offline: boolean;
  /** Build a release that nobody repairs any more. */
  allowEndOfLife?: boolean;
  /** The version follows this one: of an image that was published from elsewhere. */
  newerThan?: string;
  /** Leave the machine that a build fails in running, for a look. */
  keepOnError?: boolean;
  /** `out` */
  outputDir: string;
  hooks?: BuildHooks;
}

/** How one build ended. */
export interface BuildResult {
  template: string;
  outcome: 'done' | 'unchanged' | 'failed' | 'cancelled';
  version?: string;
  /** The output folder: `out/debian-12/20261123.1`. */
  output?: string;
  error?: AppError;
  durationMs: number;
  /** Wall seconds by step, in order. */
  seconds: [step: string, seconds: number][];
  artifacts: { name: string; size: number }[];
  /** The fingerprint of the key that signed it; absent when this machine has none, or nothing was built. */
  signedBy?: string;
}

/** A plan's or build's short description for `gabarit templates`. */
export interface TemplateSummary {
  name: string;
  file: string;
  description: string;
  distro: string;
  release: string;
  /** Distribution and release as people name them: `Debian 12 "bookworm"`. */
  os: string;
  platforms: string[];
  formats: string[];
  /** What should be known before it is used: that support has ended, or is about to be paid for. */
  warning?: string;
  /** The newest built version in the output folder. */
  newest?: string;
  error?: string;
}
