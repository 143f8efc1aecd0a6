import type { Plan } from './plan.ts';

/** What an image itself says about a package that is installed in it. */
export interface PackageFacts {
  name: string;
  version: string;
  /** `amd64` or `all`. */
  architecture: string;
  source: { name: string; version: string };
  homepage?: string;
  /** Short names of licences as its copyright file gives them (`GPL-2+`, `Expat`), sorted; empty where the file is not machine readable. */
  licences: string[];
  /** 64 hex digits: the SHA-256 of that file. Absent where there is none. */
  copyright?: string;
}

/** What a list of components is made from. */
export interface SbomFacts {
  plan: Plan;
  version: string;
  packages: readonly PackageFacts[];
  /** `Debian GNU/Linux 12 (bookworm)` and `12.11`, from the image's own files. */
  os: { pretty: string; pointRelease: string };
  artifacts: readonly { name: string; digest: string }[];
  /** Of Gabarit. */
  gabarit: string;
  /** Seconds since 1970: of the plan, so that the same plan gives the same list. */
  sourceDateEpoch: number;
}
