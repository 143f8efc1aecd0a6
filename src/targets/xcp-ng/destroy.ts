import { nullRef, type VdiRecord, type VdiRef, xapiErrorOf } from '../../clients/xapi.ts';
import { marks, readMarks, testingName } from './marks.ts';
import type { Pool } from './pool.ts';
import type { OwnVm } from './view.ts';

/** Waits for an object to be free of what the pool itself does with it. */
export function isBusy(error: unknown): boolean {
  return ['OTHER_OPERATION_IN_PROGRESS', 'VM_BAD_POWER_STATE', 'VDI_IN_USE'].includes(xapiErrorOf(error) ?? '');
}

/** Whether the object went away by itself, which is all right when it was to go. */
export function isGone(error: unknown): boolean {
  return xapiErrorOf(error) === 'HANDLE_INVALID';
}

/** Removes a VM of ours with its disks. Its disks bear the mark of the run before the VM goes: a crash in between leaves nothing unknown. */
export async function destroyVm(pool: Pool, vm: OwnVm): Promise<void> {
  const { xapi } = pool;
  const run = vm.run ?? pool.ctx.journal.run;
  try {
    const record = await xapi.call('VM.get_record', vm.ref);
    if (record.power_state !== 'Halted') await xapi.call('VM.hard_shutdown', vm.ref);
    const disks = await disksOf(pool, vm);
    for (const disk of disks) {
      await xapi.call('VDI.remove_from_other_config', disk, marks.run);
      await xapi.call('VDI.add_to_other_config', disk, marks.run, run);
    }
    await xapi.call('VM.destroy', vm.ref);
    for (const disk of disks) await xapi.call('VDI.destroy', disk);
  } catch (error) {
    if (!isGone(error)) throw error;
  }
}

/** The disks that came with a VM: those that bear our marks, and all of a test clone; never one that another VM uses too. */
async function disksOf({ xapi }: Pool, vm: OwnVm): Promise<VdiRef[]> {
  const attached = Object.values(await xapi.call('VBD.get_all_records')).filter(
    ({ type, VDI }) => type === 'Disk' && VDI !== nullRef,
  );
  const isClone = vm.run !== undefined && vm.name === testingName(vm, vm.run);
  const disks: VdiRef[] = [];
  for (const { VDI: ref } of attached.filter(({ VM }) => VM === vm.ref)) {
    if (attached.some(({ VM, VDI }) => VDI === ref && VM !== vm.ref)) continue;
    const record: VdiRecord = await xapi.call('VDI.get_record', ref);
    if (isClone || readMarks(record.other_config)?.template === vm.template) disks.push(ref);
  }
  return disks;
}
