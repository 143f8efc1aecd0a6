import type { Duplex } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { AppError, isCancellation } from '../../util/errors.ts';
import { type Connections, headlineOf } from './connection.ts';
import { formatHost, type HostAddress } from './host-address.ts';
import { type HttpHead, readHead } from './http-head.ts';
import type { Session } from './session.ts';

export interface ConsoleOptions {
  signal?: AbortSignal;
  /** How long the host may take to hand the console out; 15 s by default. */
  timeoutMs?: number;
}

const defaultTimeoutMs = 15_000;
const pageMs = 2000;

/**
 * The console of a VM as a stream of RFB: what XAPI's proxy carries after its answer to CONNECT. The answer is read to its blank
 * line, however it comes in pieces, and must be 200; the first bytes of RFB may come with it.
 * @throws AppError TARGET_DENIED for 401 and 403, TARGET_FAILED for all other answers, TIMEOUT, TARGET_UNREACHABLE, CANCELLED
 */
export async function connectConsole(
  connections: Connections,
  session: Session,
  host: HostAddress,
  vmUuid: string,
  { signal, timeoutMs = defaultTimeoutMs }: ConsoleOptions,
): Promise<Duplex> {
  const used = session.id;
  try {
    return await connectOnce(connections, session.id, host, vmUuid, timeoutMs, signal);
  } catch (error) {
    if (!(error instanceof AppError) || error.details['http'] !== 401) throw error;
    await session.renew(used, signal);
    return connectOnce(connections, session.id, host, vmUuid, timeoutMs, signal);
  }
}

async function connectOnce(
  connections: Connections,
  sessionId: string,
  host: HostAddress,
  vmUuid: string,
  timeoutMs: number,
  signal: AbortSignal | undefined,
): Promise<Duplex> {
  const from = formatHost(host);
  const deadline = AbortSignal.timeout(timeoutMs);
  const patience = signal === undefined ? deadline : AbortSignal.any([signal, deadline]);
  const socket = await connections.connect(host, { signal, timeoutMs });
  try {
    const query = new URLSearchParams({ uuid: vmUuid }).toString();
    socket.write(`CONNECT /console?${query} HTTP/1.0\r\nHost: ${from}\r\nCookie: session_id=${sessionId}\r\n\r\n`);
    const head = await readHead(socket, from, patience);
    if (head.status !== 200) throw refusal(from, head, await readPage(socket));
    return socket;
  } catch (error) {
    socket.on('error', () => undefined);
    socket.destroy();
    if (signal?.aborted) throw new AppError('CANCELLED', 'Cancelled', { cause: signal.reason });
    if (deadline.aborted && (isCancellation(error) || error === deadline.reason)) {
      throw new AppError('TIMEOUT', `${from} did not hand out the console within ${timeoutMs / 1000} s`, { cause: error });
    }
    throw error;
  }
}

function refusal(from: string, { status, reason }: HttpHead, page: string): AppError {
  const words = headlineOf(page) || reason;
  return new AppError(
    status === 401 || status === 403 ? 'TARGET_DENIED' : 'TARGET_FAILED',
    `${from} does not hand out the console: HTTP ${status} ${words}`,
    {
      hint:
        status === 503
          ? 'Somebody else is looking at this console, and the pool allows one viewer.'
          : 'A console exists while the VM runs, and on the host where it runs.',
      details: { http: status },
    },
  );
}

/** What is left of the answer's page; it may never end. */
async function readPage(socket: Duplex): Promise<string> {
  const chunks: Buffer[] = [];
  const reading = (async () => {
    for await (const chunk of socket as AsyncIterable<Buffer>) {
      chunks.push(chunk);
      if (chunks.reduce((sum, { length }) => sum + length, 0) > 64 * 1024) return;
    }
  })();
  const over = new AbortController();
  await Promise.race([reading, sleep(pageMs, undefined, { signal: over.signal })]).catch(() => undefined);
  over.abort();
  reading.catch(() => undefined);
  return Buffer.concat(chunks).toString('utf8');
}
