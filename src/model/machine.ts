import type { Guest, GuestOutside } from './check.ts';
import type { Plan } from './plan.ts';
import type { StepContext } from './step.ts';

/** What a machine is started by. `uefi-secure-boot` runs only what the enrolled keys have signed. */
export type Firmware = 'bios' | 'uefi' | 'uefi-secure-boot';

/** How a machine's instructions are carried out, and why it is not the fast way when it is not. */
export interface Acceleration {
  accelerator: 'kvm' | 'tcg';
  /** `accelerated by KVM`, or `TCG (emulated), because …`. */
  reason: string;
}

/** How a machine came up. */
export interface BootedMachine {
  name: string;
  firmware: Firmware;
  /** Until one could log in, or saw the login prompt. */
  bootSeconds: number;
  cloudInitSeconds?: number;
  accelerator: Acceleration['accelerator'];
}

/** A throwaway machine to start from an image, whose file is only read: what the machine writes goes elsewhere. */
export interface MachineRequest {
  /** `clone-a`; also in the names of its files. */
  name: string;
  image: { path: string; format: 'qcow2' | 'raw' };
  firmware: Firmware;
  plan: Plan;
  acceleration: Acceleration;
  /** With a NoCloud seed that gives the default user a key; without, nobody can log in. */
  seeded: boolean;
  /** Bytes. Larger than the image's, so that the root file system has something to grow into. */
  diskSize: number;
  memoryMiB: number;
  cpus: number;
  /** Where a failed boot leaves its serial log and screenshot. */
  failureDir: string;
  /** A folder in which others can look at its screen: a socket `NAME.vnc` that speaks RFB. */
  consoleDir?: string | undefined;
}

/** A machine that runs. Its waits end early, with the likely cause, when it can be seen that they would be in vain. */
export interface Machine {
  name: string;
  firmware: Firmware;
  /**
   * Waits for a login over SSH with the seed's key.
   * @throws AppError BOOT_FAILED with the cause; `details.files` are the paths of the serial log and the screenshot
   */
  login(): Promise<Guest>;
  /** Waits for a login prompt on the serial console and an answer on the SSH port. @throws AppError BOOT_FAILED as above */
  loginPrompt(): Promise<GuestOutside>;
  /** Ends it and deletes its disk. Once is enough, more does no harm. */
  stop(): Promise<void>;
}

/** A machine that a disk is made in: by an installer, or by steps in a system that is there already. */
export interface BuildMachineRequest {
  name: string;
  /** The disk that it writes, an absolute path. */
  disk: { path: string; format: 'qcow2' | 'raw' };
  /** Media that it finds in its drives. */
  discs: string[];
  /** Started instead of what lies on the disk. */
  kernel?: { path: string; initrd: string; arguments: string };
  firmware: 'bios' | 'uefi';
  acceleration: Acceleration;
  memoryMiB: number;
  cpus: number;
  /** Where a failure leaves its logs and screenshot. */
  failureDir: string;
}

/** What a machine wrote to a serial port. */
export interface MachineOutput {
  /** Everything so far, without terminal control sequences; of a flood, the end. */
  text(): string;
  /** `performance.now()` of the last output. */
  lastOutputMs(): number;
}

export interface BuildMachine {
  /** Its first serial port. */
  console: MachineOutput;
  /** Its second one, `/dev/ttyS1`: nothing comes there by itself. */
  log: MachineOutput;
  /** Says why the machine is gone, once it is: also when it switched itself off. */
  ended(): string | undefined;
  /** Bytes that it has read and written on its disks. */
  diskActivity(): Promise<number>;
  /** Seconds in which it used a processor of the host, or waited for one: hardly any for a machine that waits for somebody. */
  busySeconds(): Promise<number>;
  /** Waits for SSH as root. @throws AppError BOOT_FAILED with the cause; `details.files` are the paths of what was kept */
  login(identity: string): Promise<BuildLogin>;
  /** Keeps logs and a screenshot in `failureDir`, and returns their paths. */
  keepEvidence(): Promise<string[]>;
  /** Waits until it has switched itself off. @throws AppError TIMEOUT */
  poweredOff(timeoutMs: number): Promise<void>;
  stop(): Promise<void>;
}

export interface BuildLogin {
  /** Runs a shell command as root; its exit code is part of the answer. */
  run(
    command: string,
    options?: {
      timeoutMs?: number;
      signal?: AbortSignal;
      input?: string | Uint8Array;
      onLine?: (line: string, stream: 'stdout' | 'stderr') => void;
    },
  ): Promise<{ stdout: string; stderr: string; exitCode: number }>;
  close(): Promise<void>;
}

/** What runs throwaway machines. */
export interface MachineHost {
  /** Whether KVM is there and does its work, proven by running something; the answer is kept until the host restarts. */
  prove(ctx: StepContext): Promise<Acceleration>;
  /** Secure Boot needs a firmware with enrolled keys on this host. */
  firmwares(): Promise<Firmware[]>;
  start(request: MachineRequest, ctx: StepContext): Promise<Machine>;
  startBuild(request: BuildMachineRequest, ctx: StepContext): Promise<BuildMachine>;
}
