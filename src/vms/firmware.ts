import { copyFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { AppError } from '../util/errors.ts';
import type { Firmware } from '../model/machine.ts';

/** UEFI firmware as Debian's package ovmf brings it, newest layout first: [code, fresh variables]. `ms`: with Microsoft's keys enrolled. */
const pairs: Record<'uefi' | 'uefi-secure-boot', [code: string, variables: string][]> = {
  uefi: [
    ['/usr/share/OVMF/OVMF_CODE_4M.fd', '/usr/share/OVMF/OVMF_VARS_4M.fd'],
    ['/usr/share/OVMF/OVMF_CODE.fd', '/usr/share/OVMF/OVMF_VARS.fd'],
  ],
  'uefi-secure-boot': [
    ['/usr/share/OVMF/OVMF_CODE_4M.secboot.fd', '/usr/share/OVMF/OVMF_VARS_4M.ms.fd'],
    ['/usr/share/OVMF/OVMF_CODE.secboot.fd', '/usr/share/OVMF/OVMF_VARS.ms.fd'],
  ],
};

function findPair(firmware: 'uefi' | 'uefi-secure-boot'): [string, string] | undefined {
  return pairs[firmware].find((pair) => pair.every((path) => existsSync(path)));
}

/** What machines can be started by on this host. */
export function availableFirmwares(): Firmware[] {
  return ['bios', ...(['uefi', 'uefi-secure-boot'] as const).filter((name) => findPair(name) !== undefined)];
}

/** QEMU's arguments for a firmware; a machine gets its own copy of the variables at `variables`. @throws AppError TOOL_MISSING */
export async function firmwareArguments(firmware: Firmware, variables: string): Promise<string[]> {
  if (firmware === 'bios') return [];
  const pair = findPair(firmware);
  if (!pair) {
    throw new AppError('TOOL_MISSING', `No firmware for ${firmware} on this host`, { hint: 'Install it: apt-get install ovmf' });
  }
  await copyFile(pair[1], variables);
  return [
    firmware === 'uefi-secure-boot' ? ['-global', 'driver=cfi.pflash01,property=secure,value=on'] : [],
    ['-drive', `if=pflash,unit=0,format=raw,readonly=on,file=${pair[0]}`],
    ['-drive', `if=pflash,unit=1,format=raw,file=${variables}`],
  ].flat();
}
