import { availableParallelism, freemem } from 'node:os';
import type { Firmware } from '../../model/machine.ts';

/** One machine of a verification. Clones are started from the same bytes, each with a seed of its own. */
export interface PlannedMachine {
  name: 'clone-a' | 'clone-b' | 'unseeded';
  firmware: Firmware;
}

/** As few boots as show everything: each firmware that the image promises, two clones, and one machine without a seed. */
export function planMachines(
  promised: 'bios' | 'uefi' | 'both',
  available: Firmware[],
): [PlannedMachine, PlannedMachine, PlannedMachine] {
  const secure: Firmware = available.includes('uefi-secure-boot') ? 'uefi-secure-boot' : 'uefi';
  const firmwares: Record<typeof promised, [Firmware, Firmware, Firmware]> = {
    bios: ['bios', 'bios', 'bios'],
    uefi: ['uefi', secure, 'uefi'],
    both: ['bios', secure, 'uefi'],
  };
  const [a, b, c] = firmwares[promised];
  return [
    { name: 'clone-a', firmware: a },
    { name: 'clone-b', firmware: b },
    { name: 'unseeded', firmware: c },
  ];
}

export interface MachineSizes {
  memoryMiB: number;
  cpus: number;
  /** Machines at the same time; the clones need two. */
  atOnce: 2 | 3;
}

const mib = 2 ** 20;

/** What this host can carry. Emulated machines take a core each, all the time. */
export function machineSizes(accelerator: 'kvm' | 'tcg', cores = availableParallelism(), freeBytes = freemem()): MachineSizes {
  const memoryMiB = freeBytes > 3000 * mib ? 1024 : 640;
  const isRoomy = freeBytes > 3 * (memoryMiB + 256) * mib;
  const hasCores = accelerator === 'kvm' ? cores >= 2 : cores >= 4;
  return { memoryMiB, cpus: accelerator === 'kvm' && cores >= 2 ? 2 : 1, atOnce: isRoomy && hasCores ? 3 : 2 };
}
