import { AppError } from '../../util/errors.ts';
import { type Connections, headlineOf, neverArrived, readText } from './connection.ts';
import { formatHost, type HostAddress, parseHost } from './host-address.ts';
import { type Answer, jsonWire, type Wire, xmlWire } from './wire.ts';

export interface CallOptions {
  signal?: AbortSignal | undefined;
  timeoutMs?: number | undefined;
}

export interface PoolLineOptions {
  connections: Connections;
  /** Members of the pool; at least one. */
  hosts: readonly HostAddress[];
  originator: string;
  timeoutMs: number;
}

/** Carries calls to the master of a pool, wherever it is. */
export interface PoolLine {
  /** The host that is asked: the master, as far as is known. */
  readonly host: HostAddress;
  /** All hosts of the pool that are known: one of them knows the master when this one is gone. */
  members: readonly HostAddress[];
  /**
   * Sends a call, to another member when it surely did not reach this one. Parameters are asked for at each try.
   * @throws AppError TARGET_UNREACHABLE, TARGET_FAILED, TLS_UNTRUSTED, TIMEOUT, CANCELLED
   */
  ask(method: string, parameters: () => readonly unknown[], call: CallOptions): Promise<Answer>;
}

/** A master that is replaced points elsewhere; two hosts that point at each other must not keep us for ever. */
const maxMoves = 4;
const wrongAddress = 'Is this the address of a host of XCP-ng or XenServer, and of its management interface?';

export function openPoolLine({ connections, hosts, originator, timeoutMs }: PoolLineOptions): PoolLine {
  const wires = new Map<string, Wire>();
  let host = hosts[0] ?? parseHost('');
  let members: readonly HostAddress[] = hosts;

  /** One call, written in the way that this host understands; found out at the first one. */
  const send = async (to: HostAddress, method: string, parameters: readonly unknown[], call: CallOptions): Promise<Answer> => {
    const key = formatHost(to);
    const wire = wires.get(key) ?? jsonWire;
    const response = await connections.request({
      method: 'POST',
      host: to,
      path: wire.path,
      headers: { 'content-type': wire.contentType, accept: wire.contentType, 'user-agent': originator },
      body: wire.format(method, parameters),
      harmless: /\.get_|^event\.from$/.test(method),
      timeoutMs: call.timeoutMs ?? timeoutMs,
      signal: call.signal,
    });
    const text = await readText(response.body, to);
    const isJson = /^application\/json\b/i.test(response.headers['content-type'] ?? '');
    if (wire === jsonWire && !isJson && !wires.has(key)) {
      // An old host takes the call for XML-RPC, and answers so.
      wires.set(key, xmlWire);
      return send(to, method, parameters, call);
    }
    if (response.status !== 200) {
      throw new AppError(
        response.status === 503 ? 'TARGET_UNREACHABLE' : 'TARGET_FAILED',
        `${key} answered ${method} with HTTP ${response.status}: ${headlineOf(text)}`,
        { hint: wrongAddress },
      );
    }
    try {
      const answer = wire.parse(text);
      wires.set(key, wire);
      return answer;
    } catch (cause) {
      throw new AppError('TARGET_FAILED', `${key} answered ${method} with something that is not XAPI's: ${headlineOf(text)}`, {
        cause,
        hint: wrongAddress,
      });
    }
  };

  /** Follows HOST_IS_SLAVE, and a master that does not answer, to where the master is now. */
  const ask = async (method: string, parameters: () => readonly unknown[], call: CallOptions): Promise<Answer> => {
    const tried = new Set<string>();
    for (let moves = 0; ; moves += 1) {
      try {
        const answer = await send(host, method, parameters(), call);
        if (!('error' in answer) || answer.error !== 'HOST_IS_SLAVE' || moves >= maxMoves) return answer;
        host = parseHost(answer.parameters[0] ?? '', host.port);
      } catch (error) {
        tried.add(formatHost(host));
        const next = members.find((member) => !tried.has(formatHost(member)));
        if (!neverArrived(error) || next === undefined) throw error;
        host = next;
      }
    }
  };

  return {
    get host() {
      return host;
    },
    get members() {
      return members;
    },
    set members(known) {
      members = known;
    },
    ask,
  };
}
