import { expect, test } from 'vitest';
import { machineSizes, planMachines } from './boot-machines.ts';

const gib = 2 ** 30;
const firmwares = (promised: 'bios' | 'uefi' | 'both', available: Parameters<typeof planMachines>[1]): string[] =>
  planMachines(promised, available).map(({ name, firmware }) => `${name}: ${firmware}`);

test('every promised firmware is booted, in three boots', () => {
  expect(firmwares('both', ['bios', 'uefi', 'uefi-secure-boot'])).toEqual([
    'clone-a: bios',
    'clone-b: uefi-secure-boot',
    'unseeded: uefi',
  ]);
  expect(firmwares('uefi', ['bios', 'uefi', 'uefi-secure-boot'])).toEqual([
    'clone-a: uefi',
    'clone-b: uefi-secure-boot',
    'unseeded: uefi',
  ]);
  expect(firmwares('bios', ['bios', 'uefi'])).toEqual(['clone-a: bios', 'clone-b: bios', 'unseeded: bios']);
  expect(firmwares('both', ['bios', 'uefi'])).toEqual(['clone-a: bios', 'clone-b: uefi', 'unseeded: uefi']);
});

test('emulated machines never take more than two of two cores', () => {
  expect(machineSizes('tcg', 2, 20 * gib)).toEqual({ memoryMiB: 1024, cpus: 1, atOnce: 2 });
  expect(machineSizes('tcg', 8, 20 * gib)).toEqual({ memoryMiB: 1024, cpus: 1, atOnce: 3 });
  expect(machineSizes('kvm', 2, 20 * gib)).toEqual({ memoryMiB: 1024, cpus: 2, atOnce: 3 });
  expect(machineSizes('kvm', 8, 2.5 * gib)).toEqual({ memoryMiB: 640, cpus: 2, atOnce: 2 });
});
