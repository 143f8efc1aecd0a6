import type { GuestCheck } from '../model/check.ts';

export const guestPackages: GuestCheck = {
  id: 'guest-packages',
  title: 'dpkg finds nothing half-installed',
  on: 'guest',
  async run(guest) {
    const { stdout, stderr, exitCode } = await guest.run('dpkg --audit');
    const said = `${stdout}${stderr}`.trim();
    return exitCode === 0 && said === '' ? [] : [{ status: 'fail', message: `dpkg --audit: ${said || `exit code ${exitCode}`}` }];
  },
};
