import { createServer, type IncomingMessage, request as send, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { pipeline } from 'node:stream/promises';
import type { SecureContextOptions } from 'node:tls';

export interface ProxyOptions {
  /** What stands as Host behind it; by default it passes on what came, as a good proxy does. */
  host?: string;
  /** Headers that it takes away: lower-case names. */
  strip?: readonly string[];
  /** Decodes and encodes the path in its own way on the way through. */
  path?: (rawPath: string) => string;
  /** Ends TLS with this key and certificate. */
  tls?: SecureContextOptions;
}

export interface Proxy {
  url: string;
  close(): Promise<void>;
}

/** A reverse proxy on the loopback interface in front of an HTTP server, with the faults of real ones. */
export async function startProxy(upstream: string, options: ProxyOptions = {}): Promise<Proxy> {
  const { hostname, port } = new URL(upstream);
  const handle = (request: IncomingMessage, response: ServerResponse): void => {
    const stripped = new Set([...(options.strip ?? []), ...(options.host === undefined ? [] : ['host']), 'connection']);
    const headers: string[] = options.host === undefined ? [] : ['Host', options.host];
    for (let at = 0; at < request.rawHeaders.length; at += 2) {
      const name = request.rawHeaders[at] ?? '';
      if (!stripped.has(name.toLowerCase())) headers.push(name, request.rawHeaders[at + 1] ?? '');
    }
    const [path = '/', query] = (request.url ?? '/').split(/\?(.*)/s);
    const target = `${options.path?.(path) ?? path}${query === undefined ? '' : `?${query}`}`;
    // `headers` as a list keeps case, order and repetitions.
    const onward = send({ hostname, port, method: request.method, path: target, headers, setHost: false, agent: false });
    onward.on('response', (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.rawHeaders);
      pipeline(answer, response).catch(() => response.destroy());
    });
    onward.on('continue', () => response.writeContinue());
    onward.on('error', () => (response.headersSent ? response.destroy() : response.writeHead(502).end('Bad Gateway')));
    pipeline(request, onward).catch(() => onward.destroy());
  };
  const server: Server = options.tls ? createTlsServer(options.tls) : createServer();
  server.on('request', handle).on('checkContinue', handle);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port: own } = server.address() as AddressInfo;
  return {
    url: `${options.tls ? 'https' : 'http'}://127.0.0.1:${own}`,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
