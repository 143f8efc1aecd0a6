import type { SrRef, VdiRef, VmRef } from '../../clients/xapi.ts';
import { firmwareOf, type VmDescription } from '../../model/vm-description.ts';
import { xenMemory, xenPlatform, xenRecommendations } from '../../model/xen-machine.ts';
import type { Pool } from './pool.ts';

/** A machine made by calls, for a disk that was sent alone. */

/** Makes an empty disk. Its marks say from its first moment on whose it is. */
export function makeDisk({ xapi }: Pool, vm: VmDescription, sr: SrRef, virtualSize: number): Promise<VdiRef> {
  return xapi.call('VDI.create', {
    name_label: vm.name,
    name_description: vm.description,
    SR: sr,
    virtual_size: virtualSize,
    type: 'user',
    sharable: false,
    read_only: false,
    other_config: { ...vm.marks },
  });
}

/** Makes the machine, halted, and hangs the disk in it. */
export async function makeVm({ xapi }: Pool, vm: VmDescription, disk: VdiRef): Promise<VmRef> {
  const ref = await xapi.call('VM.create', recordOf(vm));
  await xapi.call('VBD.create', {
    VM: ref,
    VDI: disk,
    userdevice: '0',
    bootable: true,
    mode: 'RW',
    type: 'Disk',
    unpluggable: false,
    empty: false,
    other_config: { owner: '' },
    qos_algorithm_type: '',
    qos_algorithm_params: {},
  });
  return ref;
}

/** All fields that XAPI has no default for, and those whose default is not ours. */
function recordOf(vm: VmDescription): Record<string, unknown> {
  return {
    name_label: vm.name,
    name_description: vm.description,
    user_version: 1,
    is_a_template: false,
    affinity: 'OpaqueRef:NULL',
    ...xenMemory(vm),
    VCPUs_params: {},
    VCPUs_max: vm.cpus,
    VCPUs_at_startup: vm.cpus,
    actions_after_shutdown: 'destroy',
    actions_after_reboot: 'restart',
    actions_after_crash: 'restart',
    PV_bootloader: '',
    PV_kernel: '',
    PV_ramdisk: '',
    PV_args: '',
    PV_bootloader_args: '',
    PV_legacy_args: '',
    HVM_boot_policy: 'BIOS order',
    HVM_boot_params: { firmware: firmwareOf(vm), order: 'cdn' },
    platform: xenPlatform(vm),
    PCI_bus: '',
    other_config: { base_template_name: 'Other install media', 'gabarit:os': vm.os.title, ...vm.marks },
    recommendations: xenRecommendations(),
    xenstore_data: {},
    blocked_operations: {},
    tags: [...(vm.tags ?? [])],
    domain_type: 'hvm',
    ha_always_run: false,
    ha_restart_priority: '',
  };
}
