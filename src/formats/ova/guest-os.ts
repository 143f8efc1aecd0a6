import type { VmDescription } from '../../model/vm-description.ts';

/** How OVF and vSphere call operating systems. */
export interface GuestOs {
  /** CIM_OperatingSystem.OSType (DSP1042). */
  id: number;
  /** vSphere's own name. */
  vmware: string;
}

const otherLinux: GuestOs = { id: 101, vmware: 'otherLinux64Guest' };
/** The newest Debian that vSphere had a name for when a hardware version came. An unknown name is refused there. */
const newestDebian: Record<string, number> = { '13': 10, '15': 10, '17': 11, '19': 11, '20': 12, '21': 12 };

export function guestOs({ os }: Pick<VmDescription, 'os'>, hardware: string): GuestOs {
  if (os.family === 'debian') {
    const release = Math.min(Number.parseInt(os.release, 10) || 10, newestDebian[hardware] ?? 10);
    return { id: 96, vmware: `debian${release}_64Guest` };
  }
  if (os.family === 'ubuntu') return { id: 94, vmware: 'ubuntu64Guest' };
  return otherLinux;
}
