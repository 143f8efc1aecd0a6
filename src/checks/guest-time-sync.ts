import type { GuestCheck } from '../model/check.ts';

/** Services of the programs that set the clock from the network, in Debian's names. */
const services = ['systemd-timesyncd', 'chrony', 'ntpsec', 'ntp', 'openntpd'];

export const guestTimeSync: GuestCheck = {
  id: 'guest-time-sync',
  title: 'Exactly one service sets the clock',
  on: 'guest',
  async run(guest) {
    const { stdout } = await guest.run(
      `for unit in ${services.join(' ')}; do echo "$unit $(systemctl show -P Id,ActiveState "$unit.service" | tr '\\n' ' ')"; done`,
    );
    const active = new Set(
      stdout.split('\n').flatMap((line) => {
        // An alias (ntp.service of ntpsec) shows the name of the unit that it stands for.
        const [, id, state] = line.trim().split(' ');
        return id !== undefined && state === 'active' ? [id] : [];
      }),
    );
    const names = [...active].join(', ');
    if (active.size === 1) return [{ status: 'pass', message: names }];
    return [
      {
        status: 'fail',
        message:
          active.size === 0
            ? `no service sets the clock (looked for ${services.join(', ')})`
            : `several services set the clock: ${names}`,
      },
    ];
  },
};
