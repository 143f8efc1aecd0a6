/** What this host can do, as `gabarit doctor` finds it out. */

/** `ok`; `warn`: it works, but worse than it could; `fail`: what `neededFor` names cannot work. */
export type FactStatus = 'ok' | 'warn' | 'fail';

export interface HostFact {
  /** `tool.qemu-img`, `namespaces`, `mirror.debian`: stays the same between versions. */
  id: string;
  title: string;
  neededFor: 'build' | 'verify' | 'test';
  status: FactStatus;
  /** What was found: a version, a size, what a trial said. */
  found: string;
  /** What to do about it; absent when it is `ok`. */
  hint?: string;
  /** For tools: the Debian package that brings it, and its installed version when it came from there. */
  package?: string;
  version?: string;
}

export interface HostReport {
  schema: 'gabarit.host/1';
  facts: HostFact[];
  /** False when a build cannot work here; `gabarit doctor` then exits with 4. */
  canBuild: boolean;
  /** False when images cannot be booted here. */
  canVerify: boolean;
  /** One line that installs every package that a build or a verification misses; what tests miss is brought by `gabarit test`. */
  install?: string;
}

/** Draws the conclusions from the facts. */
export function reportOf(facts: HostFact[]): HostReport {
  const fails = (purpose: HostFact['neededFor']): boolean =>
    facts.some((fact) => fact.status === 'fail' && fact.neededFor === purpose);
  const missing = facts
    .filter((fact) => fact.status !== 'ok' && fact.package !== undefined && fact.neededFor !== 'test')
    .map((fact) => fact.package);
  return {
    schema: 'gabarit.host/1',
    facts,
    canBuild: !fails('build'),
    canVerify: !fails('verify'),
    ...(missing.length === 0 ? {} : { install: `apt-get install --no-install-recommends ${[...new Set(missing)].join(' ')}` }),
  };
}
