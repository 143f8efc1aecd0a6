/** How an installer takes its answers, so that nobody types. Facts only. */

export const installerKinds = ['debian-installer', 'subiquity', 'anaconda', 'autoyast', 'agama'] as const;
export type InstallerKind = (typeof installerKinds)[number];

export const answersFormats = ['preseed', 'autoinstall', 'kickstart', 'autoyast', 'agama'] as const;
export type AnswersFormat = (typeof answersFormats)[number];

export interface Installer {
  kind: InstallerKind;
  answers: AnswersFormat;
  /** Paths on the medium; `{arch}` is the vendor's name of the architecture. */
  boot: { kernel: string; initrd: string };
  /** Kernel arguments without which it would ask, or would not find its medium. `{volumeId}` is that of the medium. */
  arguments: string[];
  /** Ways in which the answers reach it, the best first. */
  deliver: AnswersDelivery[];
}

export type AnswersDelivery =
  /** A file in a cpio archive behind the initrd. */
  | { by: 'initrd'; path: string }
  /** A second medium, found by its volume id. `files`: what must lie in it, the answers first. */
  | { by: 'volume'; volumeId: string; files: string[] }
  /** A kernel argument; `{url}` is where the answers are served. */
  | { by: 'argument'; argument: string }
  /** A repacked medium: `menus` are the files of the boot menu to replace, `path` is where answers lie, if not elsewhere. */
  | { by: 'medium'; menus: string[]; path?: string };
