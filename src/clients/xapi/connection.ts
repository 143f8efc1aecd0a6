import { Agent, request as httpsRequest } from 'node:https';
import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import type { Readable } from 'node:stream';
import { connect as tlsConnect, type TLSSocket } from 'node:tls';
import { AppError, errnoOf, isCancellation } from '../../util/errors.ts';
import { formatHost, type HostAddress } from './host-address.ts';
import type { TrustKeeper } from './trust.ts';

export interface HttpOptions {
  method: 'GET' | 'POST' | 'PUT';
  host: HostAddress;
  /** Path and query. Never a session: it goes into the cookie. */
  path: string;
  headers: Record<string, string>;
  body?: string;
  /** Only asks: may use a connection that is there, and is sent again when that one turns out to be dead. */
  harmless: boolean;
  /** The longest silence of the host. */
  timeoutMs: number;
  signal?: AbortSignal | undefined;
}

export interface HttpAnswer {
  status: number;
  headers: IncomingMessage['headers'];
  /** To be read or destroyed. */
  body: IncomingMessage;
}

/** The connections of one client: each is made after its host's certificate was accepted. */
export interface Connections {
  /** A connection of its own. @throws AppError TLS_UNTRUSTED, TARGET_UNREACHABLE, TIMEOUT, CANCELLED */
  connect(host: HostAddress, options: { signal?: AbortSignal | undefined; timeoutMs?: number }): Promise<TLSSocket>;
  /** A request whose body is short. @throws the same */
  request(options: HttpOptions): Promise<HttpAnswer>;
  close(): void;
}

export function openConnections(trust: TrustKeeper, connectTimeoutMs: number): Connections {
  const connect: Connections['connect'] = (host, { signal, timeoutMs = connectTimeoutMs }) =>
    new Promise((resolve, reject) => {
      if (signal?.aborted) {
        reject(cancelled(signal));
        return;
      }
      const socket = tlsConnect({
        host: host.name,
        port: host.port,
        ca: trust.ca,
        // OpenSSL's verdict is not the end of it: hosts of pools sign their certificates themselves. The trust keeper decides
        // before the connection is handed out, so that nothing is ever sent to a host that it does not accept.
        rejectUnauthorized: false,
        ...(isIP(host.name) === 0 ? { servername: host.name } : {}),
      });
      const giveUp = (error: unknown): void => {
        settle();
        // The socket may fail once more while it is torn down.
        socket.on('error', () => undefined);
        socket.destroy();
        const failure = connectionError(error, host);
        failure.details['unconnected'] = true;
        reject(failure);
      };
      const onAbort = (): void => giveUp(cancelled(signal));
      const onClose = (): void => giveUp(new AppError('TARGET_UNREACHABLE', `${formatHost(host)} closed the connection`));
      const timer = setTimeout(
        () => giveUp(new AppError('TIMEOUT', `${formatHost(host)} did not accept a connection within ${timeoutMs / 1000} s`)),
        timeoutMs,
      );
      const settle = (): void => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', onAbort);
        socket.off('error', giveUp).off('close', onClose);
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      socket.on('error', giveUp).on('close', onClose);
      socket.once('secureConnect', () => {
        const check = async (): Promise<void> => {
          await trust.check(socket, host);
          settle();
          socket.setNoDelay(true);
          resolve(socket);
        };
        check().catch(giveUp);
      });
    });

  // Connections rest for a short time only, so that a host never closes one under a call that is just being sent.
  const closing = new AbortController();
  const agent = new Agent({ keepAlive: true, maxSockets: 8, maxFreeSockets: 2, timeout: 4000 });
  agent.createConnection = (options, callback) => {
    const give = async (): Promise<void> => {
      const host = { name: String(options.host), port: Number(options.port) };
      try {
        callback?.(null, await connect(host, { signal: closing.signal }));
      } catch (error) {
        callback?.(error as Error, undefined as never);
      }
    };
    void give();
    return undefined;
  };

  const send = async (options: HttpOptions, isRetry = false): Promise<HttpAnswer> => {
    const { host, path, method, headers, body, timeoutMs, signal, harmless } = options;
    // What changes something gets a connection of its own: then it is never in doubt whether a dead one had carried it.
    const socket = harmless && !isRetry ? undefined : await connect(host, { signal });
    return new Promise((resolve, reject) => {
      const outgoing = httpsRequest({
        ...(socket === undefined ? { agent } : { createConnection: () => socket }),
        host: host.name,
        port: host.port,
        path,
        method,
        headers: {
          ...headers,
          'content-length': Buffer.byteLength(body ?? ''),
          ...(socket === undefined ? {} : { connection: 'close' }),
        },
        ...(signal ? { signal } : {}),
      });
      // Not as an option: Node heeds that only for connections that it made itself.
      outgoing.setTimeout(timeoutMs, () => outgoing.destroy(silence(host, timeoutMs)));
      outgoing.on('error', (error) => {
        const wasDead = outgoing.reusedSocket && ['ECONNRESET', 'EPIPE'].includes(errnoOf(error) ?? '');
        if (wasDead) resolve(send(options, true));
        else reject(connectionError(error, host));
      });
      outgoing.on('response', (response) =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: response }),
      );
      outgoing.end(body);
    });
  };

  return {
    connect,
    request: (options) => send(options),
    close() {
      closing.abort();
      agent.destroy();
    },
  };
}

/** Whether what failed never reached the host, so that it may be asked of another one. */
export function neverArrived(error: unknown): boolean {
  if (!(error instanceof AppError) || error.details['unconnected'] !== true) return false;
  return error.code === 'TARGET_UNREACHABLE' || error.code === 'TIMEOUT';
}

export function silence(host: HostAddress, timeoutMs: number): AppError {
  return new AppError('TIMEOUT', `${formatHost(host)} said nothing for ${timeoutMs / 1000} s`);
}

function cancelled(signal: AbortSignal | undefined): AppError {
  return new AppError('CANCELLED', 'Cancelled', { cause: signal?.reason });
}

const reasons: Record<string, string> = {
  ECONNREFUSED: 'it refuses connections there',
  ENOTFOUND: 'there is no host of that name',
  EAI_AGAIN: 'its name could not be looked up',
  EHOSTUNREACH: 'there is no way to it',
  ENETUNREACH: 'there is no way to its network',
  ETIMEDOUT: 'it does not answer',
  ECONNRESET: 'the connection broke',
  EPIPE: 'the connection broke',
  EPROTO: 'what listens there does not speak TLS as we do',
};

/** What went wrong with a connection, as one of our errors. */
export function connectionError(error: unknown, host: HostAddress): AppError {
  if (error instanceof AppError) return error;
  if (isCancellation(error)) return new AppError('CANCELLED', 'Cancelled', { cause: error });
  const errno = errnoOf(error);
  const known = errno === undefined ? undefined : reasons[errno.startsWith('ERR_SSL_') ? 'EPROTO' : errno];
  const reason = known ?? (error instanceof Error ? error.message : String(error));
  return new AppError('TARGET_UNREACHABLE', `${formatHost(host)} cannot be reached: ${reason}`, {
    cause: error,
    hint: 'Check the address, the network and whether the host is up.',
    ...(errno === undefined ? {} : { details: { errno } }),
  });
}

const maxTextBytes = 256 * 1024 * 1024;

/** Reads an answer's body as text. @throws AppError TARGET_UNREACHABLE, CANCELLED, TARGET_FAILED when it never ends */
export async function readText(body: Readable, host: HostAddress, limit = maxTextBytes): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of body as AsyncIterable<Buffer>) {
      length += chunk.length;
      if (length > limit) throw new AppError('TARGET_FAILED', `The answer of ${formatHost(host)} is too long`);
      chunks.push(chunk);
    }
  } catch (error) {
    throw connectionError(error, host);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** What a page of HTML says, in one line: its heading, else its first words. */
export function headlineOf(html: string): string {
  const heading = /<(h1|title)[^>]*>([\s\S]*?)<\/\1>/i.exec(html)?.[2] ?? html.slice(0, 400);
  return heading
    .replaceAll(/<[^>]*>/g, ' ')
    .replaceAll(/\s+/g, ' ')
    .trim()
    .slice(0, 200);
}
