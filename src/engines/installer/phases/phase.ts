/** What an installer is at, told from what it writes: never from its screen. */

export const phaseTitles = {
  start: 'starting',
  answers: 'reading its answers',
  network: 'configuring the network',
  components: 'loading components',
  partitioning: 'partitioning',
  base: 'installing the base system',
  packages: 'installing packages',
  bootloader: 'installing the boot loader',
  finishing: 'finishing',
  done: 'done',
} as const;
export type PhaseId = keyof typeof phaseTitles;

export interface Progress {
  phase: PhaseId;
  /** More to say: the name of what is installed. */
  note?: string;
  /** Packages so far, and in all. */
  done?: number;
  total?: number;
  /** Why it cannot end well: the first reason that was seen. */
  failure?: Failure;
  /** A question that stands there unanswered. */
  question?: string;
}

export interface Failure {
  /** `the mirror lacks installer components: apt-mirror-setup` */
  cause: string;
  hint: string;
}

/** Takes the next line of a log or console into account. Pure. */
export type ReadLine = (progress: Progress, line: string) => Progress;

export const beginning: Progress = { phase: 'start' };

/** `installing packages 212/380: nginx` */
export function progressText({ phase, note, done, total }: Progress): string {
  const count = done === undefined ? '' : ` ${done}${total === undefined ? '' : `/${total}`}`;
  return `${phaseTitles[phase]}${count}${note === undefined ? '' : `: ${note}`}`;
}

export function enter(progress: Progress, phase: PhaseId, more: Pick<Progress, 'note' | 'done' | 'total'> = {}): Progress {
  const { failure } = progress;
  return { phase, ...more, ...(failure ? { failure } : {}) };
}

export function fail(progress: Progress, cause: string, hint: string): Progress {
  return progress.failure ? progress : { ...progress, failure: { cause, hint } };
}

/** What goes wrong in the same words whatever the installer: it is the kernel that says it. */
export const readKernelLine: ReadLine = (progress, line) => {
  const panic = /Kernel panic - not syncing: (.*)/.exec(line)?.[1];
  if (panic !== undefined)
    return fail(
      progress,
      `kernel panic: ${panic.replace(/ \]---$/, '')}`,
      'Give the machine more memory, or use another medium.',
    );
  if (/Out of memory: Killed process/.test(line))
    return fail(progress, 'the machine has too little memory for the installer', 'Give it more: engine.options.memoryMiB.');
  return progress;
};
