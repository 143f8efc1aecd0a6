import { type ClientRequest, type IncomingMessage, request as httpRequest } from 'node:http';
import { AppError } from '../../util/errors.ts';
import { connectionError, headlineOf, readText } from './connection.ts';
import { formatHost, type HostAddress, parseHost } from './host-address.ts';
import { type Attempt, type Transfer, within } from './with-task.ts';

/** A request that is under way. */
export interface Response {
  host: HostAddress;
  outgoing: ClientRequest;
  answered: Promise<IncomingMessage>;
  /** Undefined when the host has not answered for a while. */
  incoming: IncomingMessage | undefined;
}

/** The host answers a PUT before it reads; one that does not is given the body after this long, or a quarter of a call's time. */
const headGraceMs = 10_000;
const maxRedirects = 3;

/**
 * Asks the host, and those to which it sends us, and lets `use` do its part with the one that takes the request.
 * `use` returns the answer when one came only then, and was a refusal or sent us on: then it starts again there.
 */
export async function exchange(
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
