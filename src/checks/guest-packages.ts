import type { GuestCheck } from '../model/check.ts';

export const guestPackages: GuestCheck = {
  id: 'guest-packages',
  title: 'dpkg finds nothing half-installed, apt nothing that lacks what it needs',
  on: 'guest',
  async run(guest) {
    const { stdout, stderr, exitCode } = await guest.run('dpkg --audit && apt-get --quiet=2 check');
    const said = `${stdout}${stderr}`.trim();
    if (exitCode === 0 && said === '') return [];
    return [{ status: 'fail', message: `dpkg --audit && apt-get check: ${said || `exit code ${exitCode}`}` }];
  },
};
