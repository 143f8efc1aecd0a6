import type { ZodType } from 'zod';
import type { Distro, Release } from './distro.ts';
import type { Extent } from './extent.ts';
import type { Lock } from './lock.ts';
import type { Medium } from './medium.ts';
import type { Arch } from './platform.ts';
import type { Plan } from './plan.ts';
import type { StepContext } from './step.ts';
import type { Template } from './template.ts';

/** A raw disk that an engine made. */
export interface Built {
  /** The raw image, sparse. Where there are `base.changes`, it holds these and no more before it was completed. */
  disk: string;
  /** Its virtual size in bytes. */
  virtualSize: number;
  /** A disk that most of `disk` is equal to, already converted once: formats may reuse what is the same. */
  base?: {
    disk: string;
    folder: string;
    /** Where the two may differ, in order. */
    changes?: Extent[];
  };
  /** Makes `disk` whole, for whoever does not read the base. Again is allowed. */
  complete?(signal: AbortSignal): Promise<void>;
  /** Files of the same disk in other formats, by format: who needs one inside his own takes it from there. */
  artifacts?: Readonly<Record<string, string>>;
  /** Seconds since 1970: one second after the youngest file in the packages. What the build wrote has this time, and nothing is younger. */
  sourceDateEpoch: number;
  /** Wall seconds by phase, for the manifest. */
  timings: Record<string, number>;
  /** Versions of the tools that shaped the bytes. */
  tools: Record<string, string>;
}

/** A tool on the build host: its command, the Debian package that brings it, and how to ask for its version. */
export interface Tool {
  command: string;
  package: string;
  versionArgs: string[];
  /** A file that must exist instead of a command, such as a firmware image. */
  file?: string;
}

/** What an engine is asked to pin. */
export interface PinRequest {
  template: Template;
  arch: Arch;
  distro: Distro;
  release: Release;
  /** The public keys of each repository of the template, by its name. */
  repositoryKeys: Plan['keys'];
}

export interface Pinned {
  lock: Lock;
  medium?: Medium;
  /** The apt sources that the image is left with: deb822 text. */
  guestSources: string;
}

/** What an engine is asked before anything is fetched. */
export type RefusalRequest = Pick<PinRequest, 'template' | 'distro' | 'release'>;

/** Why a template cannot be made: the key that is wrong (`['disk', 'firmware']`), a sentence without its place, and what to do. */
export interface Refusal {
  path: (string | number)[];
  message: string;
  hint?: string;
}

/** A way to make a disk from a plan. */
export interface Engine {
  id: string;
  /** Raised whenever a change of the engine changes the disks that it makes. */
  revision: string;
  options: ZodType;
  requires: Tool[];
  /** Whether it locks every package, and so can take them as they were at a time (`snapshot`). */
  locksPackages?: true;
  /** Everything of a template that it could never make, by facts alone: pure, quick. Asked when a definition is read. */
  refuse?(request: RefusalRequest): Refusal[];
  /** Asks the mirrors for exact packages. @throws AppError PACKAGE_NOT_FOUND, MIRROR_UNREACHABLE, SIGNATURE_INVALID */
  pin(request: PinRequest, ctx: Pick<StepContext, 'cacheDir' | 'offline' | 'signal' | 'emit'>): Promise<Pinned>;
  /** Files that tell the way of a build beforehand, such as answers to an installer. What belongs to one build, secrets included, is masked. */
  preview?(plan: Plan): Promise<{ name: string; text: string }[]>;
  build(plan: Plan, ctx: StepContext): Promise<Built>;
}

/** What an engine could never make of a template. */
export function refusalsOf(engine: Pick<Engine, 'id' | 'locksPackages' | 'refuse'>, request: RefusalRequest): Refusal[] {
  const own = engine.refuse?.(request) ?? [];
  if (request.template.snapshot === undefined || engine.locksPackages) return own;
  const message = `the engine ${engine.id} takes packages as they are when it builds, not as they were`;
  return [...own, { path: ['snapshot'], message, hint: 'Take it out, or use the engine bootstrap.' }];
}
