import { once } from 'node:events';
import type { AddressInfo, Socket } from 'node:net';
import { createServer, type Server, type TLSSocket } from 'node:tls';
import type { Certificate } from './certificates.ts';
import { hasHandler, handleHttp } from './handlers.ts';
import { headOf, htmlPage, type HttpRequest, serveConnection } from './http.ts';
import type { FakePool } from './pool.ts';
import { answerJson, answerXml } from './rpc.ts';
import type { StreamReader } from './socket-reader.ts';

const maxCallBytes = 300 * 1024;

/** One host of the pool, listening on TLS. */
export class HostServer {
  readonly #pool: FakePool;
  readonly #index: number;
  readonly #sockets = new Set<TLSSocket>();
  /** The connections under TLS, by the clients' ports. */
  readonly #raw = new Map<number | undefined, Socket>();
  #server: Server | undefined;
  certificate: Certificate;

  constructor(pool: FakePool, index: number, certificate: Certificate) {
    this.#pool = pool;
    this.#index = index;
    this.certificate = certificate;
  }

  /** Listens on `port`, or on one that is free. Returns it. */
  async listen(address: string, port: number): Promise<number> {
    const server = createServer({ key: this.certificate.key, cert: this.certificate.cert }, (socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
      socket.on('error', () => undefined);
      socket.setNoDelay(true);
      void serveConnection(socket, (request, connection, reader) => this.#handle(request, connection, reader));
    });
    server.on('connection', (raw: Socket) => {
      const { remotePort } = raw;
      this.#raw.set(remotePort, raw);
      raw.on('close', () => this.#raw.delete(remotePort));
    });
    // Clients that do not like the certificate.
    server.on('tlsClientError', () => undefined);
    server.listen(port, address);
    await once(server, 'listening');
    this.#server = server;
    return (server.address() as AddressInfo).port;
  }

  /** Uses another certificate for new connections. */
  changeCertificate(certificate: Certificate): void {
    this.certificate = certificate;
    this.#server?.setSecureContext({ key: certificate.key, cert: certificate.cert });
  }

  cutConnections(): void {
    for (const socket of this.#sockets) this.#reset(socket);
  }

  /** Breaks a connection off, so that the client sees a reset. */
  #reset(socket: TLSSocket): void {
    this.#raw.get(socket.remotePort)?.resetAndDestroy();
    socket.destroy();
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    if (this.#server?.listening) await new Promise((resolve) => this.#server?.close(resolve));
    this.#server = undefined;
  }

  async #handle(request: HttpRequest, socket: TLSSocket, reader: StreamReader): Promise<boolean> {
    if (request.method === 'POST') return this.#call(request, socket);
    const name = `${request.method} ${request.path}`;
    const target = new URLSearchParams(request.query).toString();
    this.#pool.log.push({ host: this.#index, name, target: `${request.path}?${target}` });
    if (hasHandler(request))
      await handleHttp({ pool: this.#pool, host: this.#index, request, socket, reader, reset: () => this.#reset(socket) });
    else socket.end(htmlPage(request.version, 403, 'Forbidden', 'HTTP 403 forbidden'));
    return false;
  }

  /** XAPI takes everything that is posted for a call, and only /jsonrpc for JSON; old hosts not even that. */
  async #call(request: HttpRequest, socket: TLSSocket): Promise<boolean> {
    if (request.contentLength === undefined || request.contentLength > maxCallBytes) {
      socket.end(htmlPage(request.version, 400, 'Bad Request', 'HTTP 400 bad request'));
      return false;
    }
    const body = (await request.body.read(request.contentLength)).toString('utf8');
    const isJson = request.path === '/jsonrpc' && this.#pool.options.rpc === 'json';
    const { contentType, text, method } = await (isJson ? answerJson : answerXml)(this.#pool, this.#index, body);
    if (this.#pool.faults.cutAnswer?.(method)) {
      this.#reset(socket);
      return false;
    }
    const stays = request.headers['connection']?.toLowerCase() !== 'close';
    const headers = {
      connection: stays ? 'keep-alive' : 'close',
      'content-type': contentType,
      'content-length': Buffer.byteLength(text),
    };
    if (!socket.destroyed) socket.write(headOf(request.version, 200, 'OK', headers) + text);
    return stays && !socket.destroyed;
  }
}
