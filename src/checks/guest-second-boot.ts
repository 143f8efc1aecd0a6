import type { Finding, GuestCheck } from '../model/check.ts';
import { type Identity, identityOf, identityTitles } from './shared/identity.ts';
import { unitFindings } from './shared/unit-state.ts';

const lasting: (keyof Identity)[] = ['machineId', 'hostKeys', 'hostname', 'dhcpId', 'instanceId'];

/** After a restart the machine is still the same one, and still well.  */
export const guestSecondBoot: GuestCheck = {
  id: 'guest-second-boot',
  title: 'A second boot changes nothing',
  on: 'guest',
  restarts: true,
  async run(guest) {
    const before = await identityOf(guest);
    await guest.reboot();
    const units = await unitFindings(guest);
    const after = await identityOf(guest);
    const changed: Finding[] = lasting
      .filter((key) => before[key] !== after[key])
      .map((key) => ({ status: 'fail', message: `${identityTitles[key]} changed from "${before[key]}" to "${after[key]}"` }));
    return [...changed, ...units.map((finding) => ({ ...finding, message: `after the second boot ${finding.message}` }))];
  },
};
