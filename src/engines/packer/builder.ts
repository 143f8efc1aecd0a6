import type { Distro, Release } from '../../model/distro.ts';
import type { Plan } from '../../model/plan.ts';
import type { PlatformId } from '../../model/platform.ts';
import type { AnswerFile } from '../shared/answers/answers.ts';

/** A place where Packer makes a machine. Facts and one pure function; adding one is a file here and a line in `index.ts`. */
export interface Builder {
  /** As Packer calls it. */
  id: string;
  /** What the machine begins as: a disk image, the vendor's installation medium, or an image that the platform has. */
  from: 'image' | 'iso' | 'platform';
  /** Packer 1.7 and newer load it by these; 1.6 has it built in, except where `bundled` is false. */
  plugin: { name: string; source: string; version: string; bundled: boolean };
  /** What its machines find under them; absent where that is none of ours. */
  platform?: PlatformId;
  /** What differs from place to place: variables in Packer, options of the engine in a definition (in camelCase). */
  variables: Record<string, BuilderVariable>;
  /** The settings of the `source` block. */
  source(facts: SourceFacts): Record<string, unknown>;
}

export interface BuilderVariable {
  description: string;
  /** Absent: it must be given. */
  default?: string | number | boolean;
  /** Never written down: Packer takes it from PKR_VAR_NAME alone. */
  sensitive?: boolean;
  example?: string;
}

export interface SourceFacts {
  plan: Plan;
  distro: Distro;
  release: Release;
  memoryMiB: number;
  cpus: number;
  diskMiB: number;
  sshTimeout: string;
  /** Of the medium; the pinned ones, or where the run has put them. */
  isoUrl: string;
  isoChecksum: string;
  /** Answers of the installer, and the volume that they are found on; without a volume they must be typed for or repacked. */
  answers?: { files: AnswerFile[]; volume?: string };
  /** Typed into the installer's boot menu, where nothing else brings the answers. */
  bootCommand: string[];
  /** Packer 1.6 knows fewer settings. */
  dialect: Dialect;
}

/** `1.6`: Debian's Packer, builders built in. `current`: 1.7 and newer, with plugins. */
export type Dialect = '1.6' | 'current';

/** The user that a build logs in as, where we make it ourselves; the seal step removes it. */
export const buildUser = 'gabarit-build';

/** A reference to a Packer variable. */
export function variable(name: string): string {
  return `\${var.${name}}`;
}

/** The settings that all installers' machines share for Packer's SSH communicator. Root logs in by the build's key. */
export function sshAsRoot({ sshTimeout }: SourceFacts): Record<string, unknown> {
  return {
    communicator: 'ssh',
    ssh_username: 'root',
    ssh_private_key_file: variable('ssh_private_key_file'),
    ssh_timeout: sshTimeout,
  };
}

/** A volume with the answers, where the installer finds one by itself. */
export function answersVolume({ answers }: SourceFacts): Record<string, unknown> {
  if (answers?.volume === undefined) return {};
  return { cd_files: answers.files.map(({ name }) => `answers/${name}`), cd_label: answers.volume };
}

/** What is typed as the last resort. */
export function typing({ bootCommand }: SourceFacts): Record<string, unknown> {
  return bootCommand.length === 0 ? {} : { boot_wait: '5s', boot_command: bootCommand, http_directory: 'answers' };
}
