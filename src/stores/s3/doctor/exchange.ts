import { type ClientRequest, type IncomingHttpHeaders, type IncomingMessage, request as requestPlain } from 'node:http';
import { request as requestTls } from 'node:https';
import type { LookupFunction } from 'node:net';

/** One request on the wire, exactly as it is told. */
export interface WireRequest {
  /** `https:` or `http:`. */
  protocol: string;
  hostname: string;
  port: number;
  method: string;
  /** Path and query, encoded. */
  target: string;
  headers: Record<string, string>;
  body?: Buffer;
  /** Hold the body back until the server says `100 Continue`. */
  waits?: boolean;
  timeoutMs: number;
  ca?: string | undefined;
  lookup?: LookupFunction | undefined;
  signal: AbortSignal;
}

export interface WireAnswer {
  status: number;
  headers: IncomingHttpHeaders;
  body: string;
  /** The server said `100 Continue`. */
  continued: boolean;
  startedMs: number;
  endedMs: number;
}

/** The most of an answer that is looked at. */
const maxAnswerBytes = 256 * 1024;

/** Sends it on a connection of its own. @throws Error of Node: with `code` ECONNRESET, ETIMEDOUT, CERT_HAS_EXPIRED, ... */
export async function exchange(wire: WireRequest): Promise<WireAnswer> {
  const { promise, resolve, reject } = Promise.withResolvers<WireAnswer>();
  const startedMs = Date.now();
  let continued = false;
  const isTls = wire.protocol === 'https:';
  const send = isTls ? requestTls : requestPlain;
  const request: ClientRequest = send({
    host: wire.hostname.replaceAll(/^\[|\]$/g, ''),
    port: wire.port,
    method: wire.method,
    path: wire.target,
    headers: wire.headers,
    agent: false,
    ...(wire.lookup === undefined ? {} : { lookup: wire.lookup }),
    ...(isTls ? { minVersion: 'TLSv1.2' } : {}),
    ...(isTls && wire.ca !== undefined ? { ca: wire.ca } : {}),
  });
  const timer = setTimeout(() => {
    const error: NodeJS.ErrnoException = new Error(`no answer within ${wire.timeoutMs / 1000} s`);
    error.code = 'ETIMEDOUT';
    request.destroy(error);
  }, wire.timeoutMs);
  const abort = (): void => void request.destroy(wire.signal.reason as Error);
  wire.signal.addEventListener('abort', abort, { once: true });
  if (wire.signal.aborted) abort();
  request.on('error', reject);
  request.on('continue', () => {
    continued = true;
    request.end(wire.body);
  });
  request.on('response', (response: IncomingMessage) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    response.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes <= maxAnswerBytes) chunks.push(chunk);
      else response.destroy(new Error('the answer is far too long'));
    });
    response.on('error', reject);
    response.on('end', () => {
      const { statusCode: status = 0, headers } = response;
      resolve({ status, headers, body: Buffer.concat(chunks).toString(), continued, startedMs, endedMs: Date.now() });
    });
  });
  if (wire.waits) request.flushHeaders();
  else request.end(wire.body);
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    wire.signal.removeEventListener('abort', abort);
    request.destroy();
  }
}
