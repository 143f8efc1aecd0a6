import type { Duplex } from 'node:stream';
import type { Emit } from '../util/events.ts';
import type { BlockSource } from './format.ts';
import type { PlatformId } from './platform.ts';
import type { VmDescription } from './vm-description.ts';
import type { PackDisk, PackVm } from './vm-stream.ts';

/** A target is a place that runs machines; a deployment is an image on a target. */

export interface ImageIdentity {
  template: string;
  version: string;
  /** Of the image's manifest, `sha256:…`. */
  digest: string;
}

/**
 * `current`: what the template's name stands for on the target; `retired`: kept for a rollback; `unfinished`: being made now, or left
 * by a crash; `deleted`: it was there, and somebody else removed it.
 */
export type DeploymentState = 'current' | 'retired' | 'unfinished' | 'deleted';

export interface Deployment extends ImageIdentity {
  target: string;
  state: DeploymentState;
  /** The target's own identity for it: on a pool, the UUID of the VM template. */
  id: string;
  /** What it is called there now. */
  name: string;
  /** What somebody else changed, as sentences. */
  drift: string[];
}

/** What should be on a target. */
export interface DeployRequest {
  image: ImageIdentity;
  /** The machine that the image's maker recommends; the target's settings go before it. */
  vm: VmDescription;
  /** Bytes, of the disk as the machine sees it. */
  virtualSize: number;
  /** Opens the disk, whose bytes have been proven. Who opens it closes it. */
  openDisk(): Promise<BlockSource>;
  /** Instead of what the target's settings say. */
  bytesPerSecond?: number | undefined;
  test?: boolean | undefined;
}

/** What a deployment would do. */
export interface DeployPlan {
  /** `none`: it is there already; `promote`: it is there and gets the name back; `import`: its bytes are sent. */
  action: 'none' | 'promote' | 'import';
  /** What has the name now. */
  replaces?: Deployment;
  /** What would be deleted, because it is older than what is kept. */
  removes: Deployment[];
  /** What was found out about the target, as sentences. */
  notes: string[];
}

export interface DeployOutcome {
  outcome: 'deployed' | 'promoted' | 'unchanged';
  deployment: Deployment;
  replaced?: Deployment;
  removed: Deployment[];
  /** Bytes that were sent. */
  sent: number;
}

/** One thing that a janitor removed. */
export interface SweptItem {
  kind: 'vm' | 'disk' | 'task' | 'session' | 'lease';
  name: string;
  /** The run that left it. */
  run: string;
}

/** What is known on this machine about runs on a target. */
export interface KnownRuns {
  /** Runs that have certainly ended, with what they wrote down before they made it. */
  dead: ReadonlyMap<string, readonly JournalEntry[]>;
  /** Runs that certainly go on. */
  alive: ReadonlySet<string>;
}

/** Something that is about to be made on a target, or (tasks and sessions, whose names are given there) that was made just now. */
export interface JournalEntry {
  kind: 'vm' | 'disk' | 'task' | 'session' | 'lease';
  /** A name that only this run gives, or the target's own reference. */
  name: string;
}

/** One run on one target, written down on this machine so that what it leaves can be found when it is killed. */
export interface RunJournal {
  /** Also a mark on everything that the run makes. */
  readonly run: string;
  /** Resolves when the entry is safe on the disk. */
  record(entry: JournalEntry): Promise<void>;
  /** Something could not be removed: the journal stays for the janitor. */
  keep(): void;
}

/** Certificates that were seen first and are trusted since. */
export interface SeenCertificates {
  get(host: string): Promise<string | undefined>;
  /** Keeps it, and tells the person. */
  set(host: string, fingerprint: string): Promise<void>;
}

/** What a target is given from the outside world. */
export interface TargetContext {
  journal: RunJournal;
  /** The value of a credential reference. @throws AppError CONFIG_INVALID */
  credential(reference: string): Promise<string>;
  certificates: SeenCertificates;
  /** Makes a disk a machine in the target's format. */
  pack: PackVm;
  /** Makes a disk alone what the target can fill one of its own from. */
  packDisk: PackDisk;
  /** Where pictures of failures are kept. */
  failureDir: string;
  /** Who deploys, for others to see: `anna@builder`. */
  by: string;
  /** Of Gabarit. */
  version: string;
  emit: Emit;
  signal: AbortSignal;
}

/** The console of a machine that runs on a target. */
export interface MachineConsole {
  /** What the target calls the machine. */
  machine: string;
  /** A new stream of RFB (RFC 6143), as often as it is wanted: a guest that is rebooted ends those that are open. */
  connect(): Promise<Duplex>;
}

/** A target that is logged in to. Everything it throws is an AppError that names the target. */
export interface TargetSession {
  /**
   * Finds out what a deployment would do, and everything that can be known to stand in its way. Changes nothing.
   * @throws AppError TARGET_FULL, TARGET_DENIED, TARGET_FAILED, NOT_FOUND, CONFLICT
   */
  preflight(request: DeployRequest): Promise<DeployPlan>;
  /**
   * Makes the image the current deployment of its template; what had the name is kept as retired. When it fails, the target is as
   * it was before.
   */
  deploy(request: DeployRequest): Promise<DeployOutcome>;
  /** Makes an older deployment current again: the given version, or the one that was current before. @throws AppError NOT_FOUND, CONFLICT */
  rollback(template: string, version?: string): Promise<DeployOutcome>;
  /** Everything of ours that is there. */
  list(): Promise<Deployment[]>;
  /** Removes deployments; a current one only with `force`. @throws AppError NOT_FOUND, CONFLICT */
  remove(template: string, version: string | undefined, options: { force: boolean }): Promise<Deployment[]>;
  /** Removes what runs left that have died, and finishes what they had already decided. Touches nothing else. */
  sweep(known: KnownRuns): Promise<SweptItem[]>;
  /** Finds a machine by its name, or by the target's own identity for it. @throws AppError NOT_FOUND, CONFLICT when several have the name */
  console(machine: string): Promise<MachineConsole>;
  close(): Promise<void>;
}

/** A kind of target. `Settings` is what a person writes in the configuration. */
export interface Target<Settings> {
  id: string;
  platform: PlatformId;
  /** Logs in. @throws AppError TARGET_UNREACHABLE, TARGET_DENIED, TLS_UNTRUSTED */
  open(name: string, settings: Settings, ctx: TargetContext): Promise<TargetSession>;
}
