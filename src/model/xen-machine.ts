import { firmwareOf, type VmDescription } from './vm-description.ts';

/** What Xen's toolstack wants to know of a machine, whether it comes as an XVA or is made by calls. */

const mebibyte = 2 ** 20;

/** What Linux wants of the virtual hardware: ACPI, no enlightenments of another system. */
export function xenPlatform(vm: VmDescription): Record<string, string> {
  const isUefi = firmwareOf(vm) === 'uefi';
  return {
    acpi: '1',
    apic: 'true',
    pae: 'true',
    nx: 'true',
    hpet: 'true',
    viridian: 'false',
    timeoffset: '0',
    device_id: '0001',
    vga: 'std',
    videoram: '8',
    'cores-per-socket': String(vm.cpus),
    'device-model': isUefi ? 'qemu-upstream-uefi' : 'qemu-upstream-compat',
    ...(isUefi ? { secureboot: String(vm.secureBoot) } : {}),
  };
}

/** Bytes. */
export function xenMemory({ memory: { recommendedMiB, minimumMiB } }: Pick<VmDescription, 'memory'>): {
  memory_static_max: number;
  memory_dynamic_max: number;
  memory_dynamic_min: number;
  memory_static_min: number;
} {
  const most = recommendedMiB * mebibyte;
  return {
    memory_static_max: most,
    memory_dynamic_max: most,
    memory_dynamic_min: most,
    memory_static_min: Math.min(minimumMiB * mebibyte, most),
  };
}

/** The limits of a host, as its own templates of Linux name them. */
export function xenRecommendations(): string {
  const restrictions = [
    '<restriction field="memory-static-max" max="1649267441664"/>',
    '<restriction field="vcpus-max" max="32"/>',
    '<restriction property="number-of-vbds" max="255"/>',
    '<restriction property="number-of-vifs" max="7"/>',
    '<restriction field="has-vendor-device" value="false"/>',
    '<restriction field="supports-bios" value="yes"/>',
    '<restriction field="supports-uefi" value="yes"/>',
    '<restriction field="supports-secure-boot" value="yes"/>',
  ];
  return `<restrictions>${restrictions.join('')}</restrictions>`;
}
