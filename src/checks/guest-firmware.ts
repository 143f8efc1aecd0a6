import type { GuestCheck } from '../model/check.ts';

/** The boot went the way that it was asked to go: a fallback to another firmware would prove nothing. */
export const guestFirmware: GuestCheck = {
  id: 'guest-firmware',
  title: 'Started by the firmware that was asked for',
  on: 'guest',
  async run(guest) {
    const { stdout } = await guest.run(
      '[ -d /sys/firmware/efi ] && echo uefi || echo bios; od -An -tu1 -j4 -N1 /sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c 2>/dev/null',
    );
    const [kind = '', secure = ''] = stdout.split('\n').map((line) => line.trim());
    const found = kind === 'uefi' && secure === '1' ? 'uefi-secure-boot' : kind;
    if (found === guest.firmware) return [{ status: 'pass', message: found }];
    return [
      {
        status: 'fail',
        message: `the machine has ${guest.firmware}, but the system says it was started by ${found || 'nothing known'}`,
      },
    ];
  },
};
