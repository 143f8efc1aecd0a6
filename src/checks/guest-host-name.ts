import type { GuestCheck } from '../model/check.ts';

export const guestHostName: GuestCheck = {
  id: 'guest-host-name',
  title: 'The machine knows its own name and address',
  on: 'guest',
  async run(guest) {
    // Without, sudo complains at every call, and mail and database servers do not start.
    const { stdout, exitCode } = await guest.run('hostname; getent ahosts "$(hostname)"');
    const [name = '', ...addresses] = stdout.trim().split('\n');
    if (exitCode === 0 && addresses.length > 0) return [{ status: 'pass', message: name }];
    return [{ status: 'fail', message: `no address is found for the machine's own name "${name}"` }];
  },
};
