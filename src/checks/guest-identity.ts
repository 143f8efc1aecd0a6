import type { Finding, GuestCheck } from '../model/check.ts';

/** What makes a machine itself was made by this machine, at its first boot: nothing of it is older. */
export const guestIdentity: GuestCheck = {
  id: 'guest-identity',
  title: 'The first boot makes machine-id and host keys',
  on: 'guest',
  async run(guest) {
    const { stdout } = await guest.run(
      'echo "boot $(sed -n \'s/^btime //p\' /proc/stat)"; stat -c \'%Y %n\' /etc/machine-id /etc/ssh/ssh_host_*_key; echo "id $(cat /etc/machine-id)"',
    );
    const boot = Number(/^boot (\d+)$/m.exec(stdout)?.[1]);
    const machineId = /^id (.*)$/m.exec(stdout)?.[1] ?? '';
    const files = [...stdout.matchAll(/^(\d+) (\/\S+)$/gm)].map(([, time, path]) => ({ time: Number(time), path: path ?? '' }));
    const findings: Finding[] = files
      .filter(({ time }) => !(time >= boot))
      .map(({ path, time }) => ({
        status: 'fail',
        message: `${path} is from ${new Date(time * 1000).toISOString()}, before the first boot: every clone has it`,
      }));
    if (!/^[0-9a-f]{32}$/.test(machineId) || /^0+$/.test(machineId))
      findings.push({ status: 'fail', message: `/etc/machine-id holds "${machineId}"` });
    if (!files.some(({ path }) => path.includes('ssh_host_')))
      findings.push({ status: 'fail', message: 'there are no host keys in /etc/ssh' });
    return findings;
  },
};
