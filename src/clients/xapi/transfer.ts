import { type ClientRequest, type IncomingMessage, request as httpRequest } from 'node:http';
import type { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { AppError, toAppError } from '../../util/errors.ts';
import { createRateLimit } from '../../util/rate-limit.ts';
import { Scope } from '../../util/scope.ts';
import { connectionError, type Connections, headlineOf, readText, silence } from './connection.ts';
import { xapiErrorOf } from './errors.ts';
import { formatHost, type HostAddress, parseHost } from './host-address.ts';
import type { TaskRef } from './records.ts';
import type { Session } from './session.ts';
import { endTask, type TaskOptions, type TaskWatch, watchTask } from './tasks.ts';
import type { XmlValue } from './xml-value.ts';

/** Bytes to send; may be opened again, when a host sends us to another one or has forgotten the session. */
export interface UploadSource {
  /** Exact. */
  length: number;
  open(): Readable;
}

export interface UploadOptions extends TaskOptions {
  bytesPerSecond?: number;
  onBytes?(sent: number): void;
}

interface Transfer {
  session: Session;
  connections: Connections;
  /** Path without query. */
  path: string;
  query: Record<string, string>;
  /** For messages: `The import into the pool at ...`. */
  what: string;
  timeoutMs: number;
}

/** The host answers a PUT before it reads; one that does not is given the body after this long, or a quarter of a call's time. */
const headGraceMs = 10_000;
/** How long the host's task may take to end after the connection broke; and after a refusal, with which it ends at once. */
const verdictMs = 20_000;
const refusalMs = 2000;
const maxRedirects = 3;

/**
 * Sends bytes to the host. Not the HTTP status decides, which is sent before they are read, but the task.
 * @throws AppError the task's error; TARGET_UNREACHABLE when the connection broke; TARGET_DENIED; TIMEOUT; CANCELLED
 */
export function upload(transfer: Transfer, source: UploadSource, options: UploadOptions): Promise<XmlValue | undefined> {
  return withTask(transfer, options, (attempt) =>
    exchange(transfer, attempt, 'PUT', source.length, (response) => sendBody(response, source, options, attempt)),
  );
}

/**
 * Writes what the host sends into a stream. A task that has succeeded is the proof that it is all.
 * @throws AppError as {@link upload}; what the stream itself fails with
 */
export async function download(transfer: Transfer, sink: Writable, options: TaskOptions): Promise<{ bytes: number }> {
  let bytes = 0;
  const receive = async ({ host, incoming }: Response, { signal, watch }: Attempt): Promise<undefined> => {
    if (incoming === undefined) throw silence(host, transfer.timeoutMs);
    const count = async function* (chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
      try {
        for await (const chunk of chunks) {
          bytes += chunk.length;
          watch.touch();
          yield chunk;
        }
      } catch (error) {
        throw signal.aborted ? error : connectionError(error, host);
      }
    };
    await pipeline(incoming, count, sink, { signal });
  };
  await withTask(transfer, options, (attempt) => exchange(transfer, attempt, 'GET', 0, (response) => receive(response, attempt)));
  return { bytes };
}

interface Attempt {
  task: TaskRef;
  watch: TaskWatch;
  /** Aborted by the caller, and as soon as the task has failed. */
  signal: AbortSignal;
  /** Connections stay until the task has ended: what was sent may not have been read yet. */
  scope: Scope;
  /** Whether a host has said yes, so that it works on the task. */
  taken: boolean;
}

interface Response {
  host: HostAddress;
  outgoing: ClientRequest;
  answered: Promise<IncomingMessage>;
  /** Undefined when the host has not answered for a while. */
  incoming: IncomingMessage | undefined;
}

/** Makes a task, lets `move` move the bytes, and returns what the task came to. Once more when the session was forgotten. */
async function withTask(
  transfer: Transfer,
  options: TaskOptions,
  move: (attempt: Attempt) => Promise<void>,
): Promise<XmlValue | undefined> {
  const used = transfer.session.id;
  try {
    return await withOneTask(transfer, options, move);
  } catch (error) {
    if (!(error instanceof AppError) || error.details['http'] !== 401) throw error;
    await transfer.session.renew(used, options.signal);
    return withOneTask(transfer, options, move);
  }
}

async function withOneTask(
  { session, what }: Transfer,
  options: TaskOptions,
  move: (attempt: Attempt) => Promise<void>,
): Promise<XmlValue | undefined> {
  const call = { signal: options.signal };
  const task = (await session.call('task.create', [options.taskLabel ?? what, ''], call)) as TaskRef;
  const stop = new AbortController();
  const done = new AbortController();
  const scope = new Scope();
  let attempt: Attempt | undefined;
  try {
    for (const [key, value] of Object.entries(options.taskOtherConfig ?? {})) {
      await session.call('task.add_to_other_config', [task, key, value], call);
    }
    await options.onTask?.(task);
    const watch = watchTask(session, task, what, { ...options, signal: either(options.signal, done.signal) });
    watch.result.catch((error: unknown) => stop.abort(error));
    attempt = { task, watch, signal: either(options.signal, stop.signal), scope, taken: false };
    let broken: unknown;
    try {
      await move(attempt);
    } catch (error) {
      options.signal?.throwIfAborted();
      broken = error;
    }
    if (broken === undefined) return await watch.result;
    if (broken instanceof AppError && broken.details['http'] === 401) throw broken;
    return await verdict(watch, broken, what, attempt.taken ? verdictMs : refusalMs);
  } catch (error) {
    throw toAppError(error, 'TARGET_FAILED', what);
  } finally {
    done.abort();
    await scope.close();
    await endTask(session, task, attempt?.taken !== true);
  }
}

/** What `promise` resolves with, or undefined when that takes longer. */
async function within<T>(ms: number, promise: Promise<T>): Promise<T | undefined> {
  const over = new AbortController();
  try {
    return await Promise.race([promise, sleep(ms, undefined, { signal: over.signal }).catch(() => undefined)]);
  } finally {
    over.abort();
  }
}

function either(signal: AbortSignal | undefined, other: AbortSignal): AbortSignal {
  return signal === undefined ? other : AbortSignal.any([signal, other]);
}

/** The bytes did not go through. What the task says counts more than what we saw, if it says it soon. */
async function verdict(watch: TaskWatch, broken: unknown, what: string, patienceMs: number): Promise<XmlValue | undefined> {
  const outcome = await within(
    patienceMs,
    watch.result.then(
      (value) => ({ value }),
      (error: unknown) => ({ error }),
    ),
  );
  if (outcome === undefined) throw broken;
  if ('value' in outcome) return outcome.value;
  // The host saw the stream end too early, because the connection broke: that is the cause, and may go away.
  const isEcho = ['IMPORT_ERROR_PREMATURE_EOF', 'VDI_IO_ERROR', 'INTERNAL_ERROR', 'IMPORT_ERROR_GENERIC'].includes(
    xapiErrorOf(outcome.error) ?? '',
  );
  if (isEcho && broken instanceof AppError) {
    if (broken.code !== 'TARGET_UNREACHABLE') throw broken;
    throw new AppError('TARGET_UNREACHABLE', `${what} broke off: ${broken.message}`, {
      cause: broken,
      hint: 'The host has removed what it had taken so far. Try again.',
      details: broken.details,
    });
  }
  throw outcome.error;
}

/**
 * Asks the host, and those to which it sends us, and lets `use` do its part with the one that takes the request.
 * `use` returns the answer when one came only then, and was a refusal or sent us on: then it starts again there.
 */
async function exchange(
  transfer: Transfer,
  attempt: Attempt,
  method: 'PUT' | 'GET',
  length: number,
  use: (response: Response) => Promise<IncomingMessage | undefined>,
): Promise<void> {
  const { session, path, query, what } = transfer;
  let host = session.host;
  let target = `${path}?${new URLSearchParams({ ...query, task_id: attempt.task }).toString()}`;
  for (let redirects = 0; ; redirects += 1) {
    const response = await openRequest(transfer, attempt, method, host, target, length);
    const accepted = response.incoming === undefined || response.incoming.statusCode === 200;
    attempt.taken ||= accepted;
    const answer = accepted ? await use(response) : response.incoming;
    if (answer === undefined) return;
    const status = answer.statusCode ?? 0;
    if (status !== 302 || redirects >= maxRedirects) {
      const page = await readText(answer, host, 64 * 1024).catch(() => '');
      throw refusal(what, host, status, page || (answer.statusMessage ?? ''));
    }
    response.outgoing.destroy();
    ({ host, target } = redirected(answer.headers.location ?? '', host, session.members));
  }
}

/** Where a host sends us: over TLS, to a host of its own pool, and nowhere else, for our session goes there too. */
function redirected(location: string, from: HostAddress, members: readonly HostAddress[]): { host: HostAddress; target: string } {
  const refuse = (why: string): AppError =>
    new AppError('TARGET_FAILED', `${formatHost(from)} sends us to "${location.split('?')[0]}", ${why}`);
  const url = URL.canParse(location, `https://${formatHost(from)}`)
    ? new URL(location, `https://${formatHost(from)}`)
    : undefined;
  if (url === undefined || url.protocol !== 'https:') throw refuse('which is no address that may be followed');
  const host = parseHost(url.hostname, url.port === '' ? from.port : Number(url.port));
  if (!members.some((member) => member.name === host.name)) throw refuse('which is no host of this pool');
  url.searchParams.delete('session_id');
  return { host, target: `${url.pathname}?${url.searchParams.toString()}` };
}

function refusal(what: string, host: HostAddress, status: number, page: string): AppError {
  const denied = status === 401 || status === 403;
  return new AppError(
    denied ? 'TARGET_DENIED' : 'TARGET_FAILED',
    `${what} failed: ${formatHost(host)} answered with HTTP ${status}: ${headlineOf(page)}`,
    { details: { http: status } },
  );
}

/** Sends the head of a request on a connection of its own, and waits for the head of the answer. */
async function openRequest(
  { session, connections, timeoutMs }: Transfer,
  { signal, scope }: Attempt,
  method: 'PUT' | 'GET',
  host: HostAddress,
  path: string,
  length: number,
): Promise<Response> {
  const socket = await connections.connect(host, { signal });
  const outgoing = httpRequest({
    createConnection: () => socket,
    method,
    path,
    headers: {
      host: formatHost(host),
      cookie: `session_id=${session.id}`,
      connection: 'close',
      ...(method === 'PUT' ? { 'content-length': length, 'content-type': 'application/octet-stream' } : {}),
    },
    signal,
  });
  scope.defer(() => outgoing.destroy());
  const answered = new Promise<IncomingMessage>((resolve, reject) => {
    outgoing.on('response', (incoming) => {
      // It may break after all has been said.
      incoming.on('error', () => undefined);
      resolve(incoming);
    });
    outgoing.on('error', (error) => reject(connectionError(error, host)));
    outgoing.on('close', () => reject(connectionError(new Error('it closed the connection'), host)));
  });
  answered.catch(() => undefined);
  if (method === 'PUT') outgoing.flushHeaders();
  else outgoing.end();
  return {
    host,
    outgoing,
    answered,
    incoming: await within(method === 'PUT' ? Math.min(headGraceMs, timeoutMs / 4) : timeoutMs, answered),
  };
}

/** Sends the body. Returns the answer when it came late and was not 200. */
async function sendBody(
  { host, outgoing, incoming, answered }: Response,
  source: UploadSource,
  options: UploadOptions,
  { signal, watch }: Attempt,
): Promise<IncomingMessage | undefined> {
  const limit = options.bytesPerSecond === undefined ? undefined : createRateLimit(options.bytesPerSecond);
  let sent = 0;
  const measure = async function* (chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    for await (const chunk of readingOf(chunks, signal)) {
      await limit?.take(chunk.length, signal);
      sent += chunk.length;
      if (sent > source.length) break;
      watch.touch();
      options.onBytes?.(sent);
      yield chunk;
    }
    if (sent !== source.length) {
      throw new AppError('IMAGE_INVALID', `What was to be sent has not the ${source.length} bytes that were announced`, {
        hint: 'The file was changed while it was read: try again.',
      });
    }
  };
  // An answer that nobody reads would keep the connection from ending.
  incoming?.resume();
  const late = new AbortController();
  let refused: IncomingMessage | undefined;
  if (incoming === undefined) {
    const look = async (): Promise<void> => {
      const answer = await answered;
      if (answer.statusCode === 200) answer.resume();
      else {
        refused = answer;
        late.abort();
      }
    };
    look().catch(() => undefined);
  }
  try {
    await pipeline(measure(source.open()), outgoing, { signal: either(signal, late.signal) });
  } catch (error) {
    if (refused !== undefined) return refused;
    if (signal.aborted || error instanceof AppError) throw error;
    const broken = connectionError(error, host);
    throw new AppError(broken.code, `${broken.message} (after ${sent} of ${source.length} bytes)`, {
      cause: error,
      details: broken.details,
    });
  }
  return incoming === undefined && (await answered).statusCode !== 200 ? answered : undefined;
}

/** The same bytes; what the source fails with is told apart from what the connection fails with. */
async function* readingOf(chunks: AsyncIterable<Buffer>, signal: AbortSignal): AsyncGenerator<Buffer> {
  try {
    yield* chunks;
  } catch (error) {
    throw signal.aborted ? error : toAppError(error, 'IMAGE_INVALID', 'What was to be sent could not be read');
  }
}
