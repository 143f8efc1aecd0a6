import type { Lock } from '../../src/model/lock.ts';

/** Another tool that makes a system from the same packages. */
export interface Peer {
  /** Its name on the command line (`--only`) and in the table. */
  name: string;
  /** The command that must be there. */
  command: string;
  /** The Debian package whose version is recorded. */
  package: string;
  /** What it yields here, for the table. */
  yields: string;
  /** Files that the run needs, made in an empty folder, and the command for it. Only the command's time counts. */
  prepare(job: PeerJob): Promise<PeerCommand>;
}

export interface PeerJob {
  lock: Lock;
  codename: string;
  /** An empty folder of the run. */
  folder: string;
}

export interface PeerCommand {
  argv: string[];
  /** TMPDIR must be a folder that an image has too, for tools that hand their environment to package scripts. */
  env?: Record<string, string>;
}

/** The names that a lock installs. */
export function packageNames(lock: Lock): string[] {
  return lock.packages.filter(({ role }) => role === 'image').map(({ name }) => name);
}

/** The lock's repositories as lines of sources.list. */
export function sourceLines(lock: Lock): string[] {
  const keyring = '/usr/share/keyrings/debian-archive-keyring.gpg';
  return lock.repositories.map(
    ({ uri, suite, components }) => `deb [signed-by=${keyring}] ${uri} ${suite} ${components.join(' ')}`,
  );
}

/** Where the packages of that suite come from. */
export function mirrorOf(lock: Lock, suite: string): string {
  const repository = lock.repositories.find((candidate) => candidate.suite === suite);
  if (repository === undefined) throw new Error(`the lock has no suite ${suite}`);
  return repository.uri;
}
