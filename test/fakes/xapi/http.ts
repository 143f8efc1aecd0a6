import type { TLSSocket } from 'node:tls';
import { EndOfFile, type ExactReader, StreamReader } from './socket-reader.ts';

/** A request as XAPI's own small HTTP server sees it. */
export interface HttpRequest {
  method: string;
  path: string;
  query: Record<string, string>;
  headers: Record<string, string>;
  cookies: Record<string, string>;
  /** `1.0` or `1.1`. */
  version: string;
  contentLength: number | undefined;
  /** The value of Transfer-Encoding. */
  transferEncoding: string | undefined;
  body: RequestBody;
}

export interface RequestBody extends ExactReader {
  /** Bytes that were read so far. */
  readonly taken: number;
}

/** Handles a request on a connection; false: the connection is not to be used again. */
export type Handler = (request: HttpRequest, socket: TLSSocket, reader: StreamReader) => Promise<boolean>;

const maxHeadBytes = 64 * 1024;

/** Serves the requests of one connection, one after the other. */
export async function serveConnection(socket: TLSSocket, handle: Handler): Promise<void> {
  const reader = new StreamReader(socket);
  for (;;) {
    const head = await reader.readUntil('\r\n\r\n', maxHeadBytes);
    if (head === undefined) break;
    const request = parseRequest(head, reader);
    if (request === undefined) {
      socket.write(htmlPage('1.1', 400, 'Bad Request', 'HTTP 400 bad request'));
      break;
    }
    if (!(await handle(request, socket, reader))) return;
  }
  socket.end();
}

function parseRequest(head: string, reader: StreamReader): HttpRequest | undefined {
  const [first = '', ...lines] = head.split('\r\n');
  const match = /^([A-Z]+) (\S+) HTTP\/(1\.[01])$/.exec(first);
  if (!match) return undefined;
  const [, method = '', target = '', version = ''] = match;
  const headers = Object.fromEntries(
    lines.map((line) => [line.slice(0, line.indexOf(':')).trim().toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]),
  );
  const [path = '', search = ''] = target.split('?');
  const length = headers['content-length'] === undefined ? undefined : Number(headers['content-length']);
  return {
    method,
    path,
    query: pairsOf(search, '&'),
    headers,
    cookies: pairsOf(headers['cookie'] ?? '', (headers['cookie'] ?? '').includes(';') ? ';' : '&'),
    version,
    contentLength: length,
    transferEncoding: headers['transfer-encoding'],
    // Without a length, what is put goes on until the connection ends.
    body: new Body(reader, length ?? (method === 'PUT' ? Number.POSITIVE_INFINITY : 0)),
  };
}

function pairsOf(text: string, separator: string): Record<string, string> {
  const pairs = text.split(separator).flatMap((pair) => {
    const [name = '', ...value] = pair.trim().split('=');
    return name === '' ? [] : [[decode(name), decode(value.join('='))]];
  });
  return Object.fromEntries(pairs) as Record<string, string>;
}

function decode(text: string): string {
  return decodeURIComponent(text.replaceAll('+', ' '));
}

class Body implements RequestBody {
  readonly #reader: StreamReader;
  readonly #length: number;
  taken = 0;

  constructor(reader: StreamReader, length: number) {
    this.#reader = reader;
    this.#length = length;
  }

  async read(length: number): Promise<Buffer> {
    if (this.taken + length > this.#length) throw new EndOfFile();
    const bytes = await this.#reader.read(length);
    this.taken += length;
    return bytes;
  }

  async readSome(most: number): Promise<Buffer | undefined> {
    const left = Math.min(most, this.#length - this.taken);
    const bytes = left === 0 ? undefined : await this.#reader.readSome(left);
    this.taken += bytes?.length ?? 0;
    return bytes;
  }
}

/** An answer with headers, as XAPI writes them; the body follows until the connection is closed, unless a length is given. */
export function headOf(version: string, status: number, reason: string, headers: Record<string, string | number>): string {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
  return [`HTTP/${version} ${status} ${reason}`, 'cache-control: no-cache, no-store', ...lines, '', ''].join('\r\n');
}

/** One of XAPI's pages for failures. */
export function htmlPage(version: string, status: number, reason: string, heading: string, text = ''): string {
  const body = `<html><body><h1>${heading}</h1>${text}</body></html>`;
  const headers = { 'content-type': 'text/html', connection: 'close', 'content-length': Buffer.byteLength(body) };
  return headOf(version, status, reason, headers) + body;
}
