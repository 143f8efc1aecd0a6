import { AppError } from '../../util/errors.ts';
import { registerSecret } from '../../util/redact.ts';
import { xapiError, xapiErrorOf } from './errors.ts';
import { formatHost, type HostAddress, parseHost } from './host-address.ts';
import { type CallOptions, openPoolLine, type PoolLine, type PoolLineOptions } from './pool-line.ts';

/** A log-in to a pool that keeps itself alive: it is renewed when the host forgets it, and follows the master. */
export interface Session {
  /** The host that is asked: the master. */
  readonly host: HostAddress;
  /** All hosts of the pool that are known. */
  readonly members: readonly HostAddress[];
  /** The secret that stands for the log-in. */
  readonly id: string;
  /** Calls a method of XAPI with the session in front of the parameters. @throws AppError */
  call(method: string, parameters: readonly unknown[], options?: CallOptions): Promise<unknown>;
  /** Logs in again, unless somebody did since `stale` was the session. */
  renew(stale: string, signal?: AbortSignal): Promise<void>;
  /** Logs out. Never throws: a host that is gone forgets the session by itself. */
  close(): Promise<void>;
}

export interface SessionOptions extends PoolLineOptions {
  credentials: () => Promise<{ user: string; password: string }>;
  /** Awaited after each log-in, before the session is used. */
  onSession?: ((session: string) => Promise<void> | void) | undefined;
  signal?: AbortSignal | undefined;
}

/** The version of the API that we speak: what XAPI gives of itself is decided by the host. */
const apiVersion = '2.0';
const logoutTimeoutMs = 5000;
/** A log-in that is under way when we are cancelled is waited for, so that it can be logged out. */
const loginGraceMs = 3000;
/** @throws AppError TARGET_UNREACHABLE, TARGET_DENIED, TLS_UNTRUSTED, TIMEOUT, CANCELLED */
export async function openSession(options: SessionOptions): Promise<Session> {
  const line = openPoolLine(options);
  let id = '';
  let renewing: Promise<void> | undefined;

  const logIn = async (signal: AbortSignal | undefined): Promise<void> => {
    const { user, password } = await options.credentials();
    registerSecret(password);
    signal?.throwIfAborted();
    const patience = delayedAbort(signal, loginGraceMs);
    const parameters = [user, password, apiVersion, options.originator];
    const answer = await line
      .ask('session.login_with_password', () => parameters, { signal: patience.signal })
      .finally(patience.end);
    if ('error' in answer)
      throw xapiError(`The log-in of "${user}" at ${formatHost(line.host)}`, answer.error, answer.parameters.slice(1));
    if (typeof answer.value !== 'string') throw new AppError('TARGET_FAILED', `${formatHost(line.host)} gave no session`);
    registerSecret(answer.value);
    id = answer.value;
    await options.onSession?.(id);
  };

  const renew = async (stale: string, signal?: AbortSignal): Promise<void> => {
    if (id !== stale) return;
    renewing ??= logIn(signal ?? options.signal).finally(() => {
      renewing = undefined;
    });
    await renewing;
  };

  const callOnce = async (method: string, parameters: readonly unknown[], call: CallOptions): Promise<unknown> => {
    const answer = await line.ask(method, () => [id, ...parameters], call);
    if ('error' in answer) throw xapiError(`${method} at ${formatHost(line.host)}`, answer.error, answer.parameters);
    return answer.value;
  };

  const session: Session = {
    get host() {
      return line.host;
    },
    get members() {
      return line.members;
    },
    get id() {
      return id;
    },
    async call(method, parameters, call = {}) {
      const used = id;
      const withSignal = { ...call, signal: call.signal ?? options.signal };
      try {
        return await callOnce(method, parameters, withSignal);
      } catch (error) {
        if (xapiErrorOf(error) !== 'SESSION_INVALID') throw error;
        await renew(used, withSignal.signal);
        return callOnce(method, parameters, withSignal);
      }
    },
    renew,
    async close() {
      await renewing?.catch(() => undefined);
      if (id === '') return;
      const last = id;
      id = '';
      try {
        await line.ask('session.logout', () => [last], {
          timeoutMs: logoutTimeoutMs,
          signal: AbortSignal.timeout(logoutTimeoutMs),
        });
      } catch {
        // The host is gone, and its sessions with it; or it ends them itself after a day.
      }
    },
  };

  try {
    await logIn(options.signal);
    options.signal?.throwIfAborted();
    line.members = await findMembers(session, line);
  } catch (error) {
    await session.close();
    throw error;
  }
  return session;
}

/** All hosts of the pool, those that we were told of first: one of them knows the master when this one is gone. */
async function findMembers(session: Session, line: PoolLine): Promise<HostAddress[]> {
  const records = (await session.call('host.get_all_records', [])) as Record<string, { address?: string }>;
  const found = Object.values(records).flatMap(({ address }) =>
    address === undefined || address === '' ? [] : [parseHost(address, line.host.port)],
  );
  const known = new Map([...line.members, line.host, ...found].map((member) => [formatHost(member), member]));
  return [...known.values()];
}

/** Ends a session that an earlier process left behind; one that has ended already is fine. @throws AppError as {@link PoolLine.ask} */
export async function endSession(
  options: PoolLineOptions & { session: string; signal?: AbortSignal | undefined },
): Promise<void> {
  const answer = await openPoolLine(options).ask('session.logout', () => [options.session], { signal: options.signal });
  if ('error' in answer && answer.error !== 'SESSION_INVALID') throw xapiError('The log-out', answer.error, answer.parameters);
}

/** A signal that follows `signal` some time later. */
function delayedAbort(signal: AbortSignal | undefined, delayMs: number): { signal: AbortSignal; end: () => void } {
  const controller = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const onAbort = (): void => {
    timer = setTimeout(() => controller.abort(signal?.reason), delayMs);
  };
  signal?.addEventListener('abort', onAbort, { once: true });
  return {
    signal: controller.signal,
    end() {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
    },
  };
}
