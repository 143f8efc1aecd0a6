import type { EmittedEvent, VerdictStatus } from '../util/events.ts';
import type { Plan } from './plan.ts';

/** One line of the check report. */
export interface Verdict {
  check: string;
  title: string;
  status: VerdictStatus;
  /** What was found, naming the file, unit or port. */
  message: string;
  /** Which machine or firmware it was found on: `bios`, `uefi`, `clone-a`. */
  subject?: string;
  durationMs?: number;
}

/** What an inode tells, in plain values. Times are seconds since 1970. */
export interface FileStat {
  path: string;
  type: 'file' | 'directory' | 'symlink' | 'block' | 'character' | 'fifo' | 'socket';
  /** Permission bits with setuid, setgid and sticky: 0o7777. */
  mode: number;
  uid: number;
  gid: number;
  size: number;
  mtime: number;
  links: number;
  inode: number;
}

/** A root file system, read from the image's own bytes: nothing is mounted, nothing is changed. Paths are absolute; symlinks in the middle are followed inside the image. */
export interface Rootfs {
  /** undefined when there is nothing at that path. `lstat` semantics. */
  stat(path: string): Promise<FileStat | undefined>;
  /** Names in a folder, sorted, without `.` and `..`; empty when it does not exist. */
  list(path: string): Promise<string[]>;
  readFile(path: string): Promise<Buffer | undefined>;
  readText(path: string): Promise<string | undefined>;
  readLink(path: string): Promise<string | undefined>;
  /** Extended attributes by full name (`security.capability`). */
  xattrs(path: string): Promise<Record<string, Buffer>>;
  /** Everything below a folder, depth first, each folder sorted. */
  walk(path: string): AsyncIterable<FileStat>;
  /** The file system itself: UUID, label, and how much is used, in bytes. */
  info(): Promise<{ uuid: string; label: string; size: number; used: number }>;
}

/** What an offline check is given. */
export interface RootfsSubject {
  rootfs: Rootfs;
  plan: Plan;
  /** Size in bytes of each artifact, by format. */
  artifacts: Record<string, number>;
  /** Sentences on data that lies where no file is: in free blocks, between partitions. Absent where there is no disk. */
  freeSpaceLeaks?: (signal: AbortSignal) => Promise<string[]>;
}

export interface CheckContext {
  signal: AbortSignal;
  /** During a build: what takes longer than a second is left to `gabarit verify`, which is said in the finding. */
  quick?: boolean;
}

/** What a check found. `fail` names the file or thing that is wrong. */
export type Finding = { status: VerdictStatus; message: string };

/** A proof about an image, read from its bytes without booting it. */
export interface RootfsCheck {
  id: string;
  title: string;
  on: 'rootfs';
  /** Returns all findings; an empty list or only passes means that it holds. */
  run(subject: RootfsSubject, ctx: CheckContext): Promise<Finding[]>;
}

/** A command's outcome inside a running machine. */
export interface GuestResult {
  stdout: string;
  stderr: string;
  exitCode: number;
}

/** What a running machine shows to those who cannot log in. */
export interface GuestOutside {
  /** `clone-a`, `unseeded` ... */
  name: string;
  firmware: 'bios' | 'uefi' | 'uefi-secure-boot';
  /** What the image was made from. */
  plan: Plan;
  /** What came over the serial console so far. */
  serialLog(): string;
  /** SSH host keys as a stranger on the network gets them: `ssh-ed25519 AAAA…`, sorted. */
  hostKeys(): Promise<string[]>;
  /** What the SSH server would accept for this user: `publickey`, `password` ... */
  loginMethods(user: string): Promise<string[]>;
  /** Whether that password really lets in. */
  acceptsPassword(user: string, password: string): Promise<boolean>;
}

/** A running machine. */
export interface Guest extends GuestOutside {
  /** The user that is logged in. */
  user: string;
  /** Runs a shell command as root and waits; an exit code other than 0 is not an error. */
  run(command: string): Promise<GuestResult>;
  /** Starts the machine anew and waits until one can log in again. @throws AppError BOOT_FAILED */
  reboot(): Promise<void>;
}

export interface GuestCheck {
  id: string;
  title: string;
  on: 'guest';
  /** It restarts the machine: it comes last, and on one machine only. */
  restarts?: boolean;
  run(guest: Guest, ctx: CheckContext): Promise<Finding[]>;
}

/** A check over two machines that were started from the same bytes. */
export interface ClonesCheck {
  id: string;
  title: string;
  on: 'clones';
  run(guests: [Guest, Guest], ctx: CheckContext): Promise<Finding[]>;
}

/** A check on a machine that was given nothing at all: no seed, no network data, nobody who can log in. */
export interface UnseededCheck {
  id: string;
  title: string;
  on: 'unseeded';
  run(guest: GuestOutside, ctx: CheckContext): Promise<Finding[]>;
}

export type AnyCheck = RootfsCheck | GuestCheck | ClonesCheck | UnseededCheck;

/** Turns findings into verdicts: one per finding, or a single pass. */
export function verdictsOf(check: AnyCheck, findings: Finding[], subject?: string): Verdict[] {
  const base = { check: check.id, title: check.title, ...(subject === undefined ? {} : { subject }) };
  if (findings.length === 0) return [{ ...base, status: 'pass', message: '' }];
  return findings.map((finding) => ({ ...base, ...finding }));
}

/** The event that announces a verdict. */
export function verdictEvent(verdict: Verdict): Omit<Extract<EmittedEvent, { type: 'verdict' }>, 'seq' | 'time' | 'run'> {
  const { durationMs: _, ...rest } = verdict;
  return { type: 'verdict', ...rest };
}
