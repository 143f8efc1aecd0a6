import type { Acceleration, MachineHost } from '../model/machine.ts';
import type { StepContext } from '../model/step.ts';
import { availableFirmwares } from './firmware.ts';
import { proveKvm } from './prove-kvm.ts';
import { startBuildMachine } from './build-machine.ts';
import { startMachine } from './start-machine.ts';

async function prove(ctx: StepContext): Promise<Acceleration> {
  const { usable, reason } = await proveKvm(ctx);
  return usable
    ? { accelerator: 'kvm', reason: `accelerated by KVM, ${reason}` }
    : { accelerator: 'tcg', reason: `TCG (emulated), because ${reason}` };
}

/** Throwaway machines by QEMU. With `consoleDir`, others can look at their screens while they run. */
export function qemuHost(consoleDir?: string): MachineHost {
  return {
    prove,
    firmwares: async () => availableFirmwares(),
    start: (request, ctx) => startMachine({ ...request, consoleDir }, ctx),
    startBuild: startBuildMachine,
  };
}

export const qemu = qemuHost();
