import { lookup as systemLookup } from 'node:dns';
import { connect, isIP, type LookupFunction } from 'node:net';
import type { StoreProbe } from '../../../model/store-diagnosis.ts';
import { errnoOf } from '../../../util/errors.ts';

/** Whether the endpoint has a name that means something here, and whether anybody answers at its port. */

export interface ReachOptions {
  endpoint: URL;
  lookup?: LookupFunction | undefined;
  timeoutMs: number;
  signal: AbortSignal;
}

export function portOf({ port, protocol }: URL): number {
  return Number(port || (protocol === 'https:' ? 443 : 80));
}

/** The addresses of a name, or the errno. */
export async function addressesOf(hostname: string, lookup: LookupFunction | undefined): Promise<string[] | { errno: string }> {
  const name = hostname.replaceAll(/^\[|\]$/g, '');
  if (isIP(name) !== 0) return [name];
  return new Promise((resolve) => {
    (lookup ?? systemLookup)(name, { all: true }, (error, found) => {
      if (error) resolve({ errno: errnoOf(error) ?? 'ENOTFOUND' });
      else resolve(typeof found === 'string' ? [found] : found.map(({ address }) => address));
    });
  });
}

export async function probeName({ endpoint, lookup }: ReachOptions): Promise<StoreProbe> {
  const probe = { id: 'name', title: 'Name' };
  const name = endpoint.hostname;
  if (isIP(name.replaceAll(/^\[|\]$/g, '')) !== 0) return { ...probe, status: 'pass', found: `${name} is an address` };
  const found = await addressesOf(name, lookup);
  if (Array.isArray(found)) return { ...probe, status: 'pass', found: `${name} is ${found.join(', ')}` };
  const later = found.errno === 'EAI_AGAIN';
  return {
    ...probe,
    status: 'fail',
    cause: 'name-unknown',
    found: later ? `the name server does not answer for ${name} (${found.errno})` : `there is no host ${name} (${found.errno})`,
    hint: later
      ? 'Is this host connected, and are the name servers in /etc/resolv.conf right?'
      : 'Look for a slip in "endpoint"; a name of an internal network needs its name server, or a line in /etc/hosts.',
  };
}

export async function probePort(options: ReachOptions): Promise<StoreProbe> {
  const { endpoint, lookup } = options;
  const port = portOf(endpoint);
  const probe = { id: 'port', title: 'Connection' };
  const addresses = await addressesOf(endpoint.hostname, lookup);
  const trials = await Promise.all((Array.isArray(addresses) ? addresses : []).map((address) => tryPort(address, port, options)));
  const open = trials.filter(({ errno }) => errno === undefined);
  const closed = trials.filter(({ errno }) => errno !== undefined);
  const said = closed.map(({ address, errno }) => `${address}: ${portReasons[errno ?? ''] ?? errno}`).join('; ');
  const [first] = open;
  if (first && closed.length === 0) return { ...probe, status: 'pass', found: `port ${port} answers in ${first.ms} ms` };
  if (first) {
    const found = `port ${port} answers at ${open.map(({ address }) => address).join(', ')}, but not everywhere: ${said}`;
    return { ...probe, status: 'warn', found, hint: 'Requests may be slow now and then: correct the addresses of the name.' };
  }
  return {
    ...probe,
    status: 'fail',
    cause: 'unreachable',
    found: `nobody answers at port ${port} (${said})`,
    hint: 'Is the server running, the port right, and no firewall between? Try it from the network of the server too.',
  };
}

const portReasons: Record<string, string> = {
  ECONNREFUSED: 'refused, nothing listens there',
  ETIMEDOUT: 'no answer, as behind a firewall',
  EHOSTUNREACH: 'no way to that host',
  ENETUNREACH: 'no way to that network',
  ECONNRESET: 'torn at once',
};

async function tryPort(
  address: string,
  port: number,
  { timeoutMs, signal }: ReachOptions,
): Promise<{ address: string; ms: number; errno?: string }> {
  const startedMs = performance.now();
  const socket = connect({ host: address, port });
  const ended = new Promise<string | undefined>((resolve) => {
    socket.once('connect', () => resolve(undefined));
    socket.once('error', (error) => resolve(errnoOf(error) ?? 'ECONNRESET'));
    socket.setTimeout(timeoutMs, () => resolve('ETIMEDOUT'));
    signal.addEventListener('abort', () => resolve('ECONNABORTED'), { once: true });
  });
  const errno = await ended;
  socket.destroy();
  signal.throwIfAborted();
  const ms = Math.max(1, Math.round(performance.now() - startedMs));
  return errno === undefined ? { address, ms } : { address, ms, errno };
}
