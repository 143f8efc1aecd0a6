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

/** What runs throwaway machines. */
export interface MachineHost {
  /** Whether KVM is there and does its work, proven by running something; the answer is kept until the host restarts. */
  prove(ctx: StepContext): Promise<Acceleration>;
  /** Secure Boot needs a firmware with enrolled keys on this host. */
  firmwares(): Promise<Firmware[]>;
  start(request: MachineRequest, ctx: StepContext): Promise<Machine>;
}
