import type { Finding, GuestCheck } from '../model/check.ts';
import { sshPort } from '../model/ssh-port.ts';

interface Listener {
  protocol: string;
  address: string;
  port: number;
  program: string;
}

/** Ports on which DHCP clients wait for answers. */
const dhcpClient = new Set([68, 546]);

/** A line of `ss -H -tulpn`: protocol, state, two queues, local address:port, peer, program. */
export function parseListener(line: string): Listener | undefined {
  const [protocol, , , , local = '', , ...rest] = line.trim().split(/\s+/);
  const colon = local.lastIndexOf(':');
  if (protocol === undefined || colon === -1) return undefined;
  const program = /\(\("([^"]+)"/.exec(rest.join(' '))?.[1] ?? 'an unknown program';
  return {
    protocol,
    address: local
      .slice(0, colon)
      .replace(/%[^\]]*/, '')
      .replaceAll(/[[\]]/g, ''),
    port: Number(local.slice(colon + 1)),
    program,
  };
}

/** Other machines cannot reach these. */
function isLoopback(address: string): boolean {
  return address.startsWith('127.') || address === '::1' || address === '::ffff:127.0.0.1';
}

export const guestPorts: GuestCheck = {
  id: 'guest-ports',
  title: 'Only SSH listens to the network',
  on: 'guest',
  async run(guest) {
    const { stdout, exitCode, stderr } = await guest.run('ss -H -tulpn');
    if (exitCode !== 0) return [{ status: 'fail', message: `the listening ports cannot be read: ${stderr.trim()}` }];
    const ssh = sshPort(guest.plan);
    const open = stdout
      .split('\n')
      .flatMap((line) => parseListener(line) ?? [])
      .filter(({ address }) => !isLoopback(address));
    const findings: Finding[] = open
      .filter(({ protocol, port }) => !(protocol === 'tcp' && port === ssh) && !(protocol === 'udp' && dhcpClient.has(port)))
      .map(({ protocol, address, port, program }) => ({
        status: 'fail',
        message: `${program} listens on ${port}/${protocol} (${address})`,
      }));
    if (!open.some(({ protocol, port }) => protocol === 'tcp' && port === ssh))
      findings.push({ status: 'fail', message: `nothing listens on ${ssh}/tcp` });
    return findings;
  },
};
