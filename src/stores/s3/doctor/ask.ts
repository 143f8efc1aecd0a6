import { createHash } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import type { LookupFunction } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { XMLParser } from 'fast-xml-parser';
import { signV2, type SigningKey } from '../../../clients/sigv2.ts';
import { encodePath, encodeQuery, signV4 } from '../../../clients/sigv4.ts';
import { errnoOf } from '../../../util/errors.ts';
import { exchange } from './exchange.ts';

/** Everything about the way to a bucket that can be varied alone. */
export interface Line {
  endpoint: URL;
  bucket: string;
  style: 'path' | 'virtual-host';
  signature: 'v4' | 'v2';
  region: string;
  key: SigningKey;
  /** What is added to the time of this host. */
  clockOffsetMs: number;
  /** Signed instead of the Host that is sent. */
  signedHost?: string;
  /** Signed instead of the path that is sent: the part of the endpoint's URL that is left out. */
  signedWithoutPrefix?: boolean;
  ca?: string | undefined;
  lookup?: LookupFunction | undefined;
  signal: AbortSignal;
  timeoutMs: number;
}

/** The same way with the old signature, for which the store names buckets in the path. */
export function withV2(line: Line): Line {
  return { ...line, signature: 'v2', style: 'path' };
}

/** What is asked. */
export interface Question {
  method: string;
  /** Of an object; absent for the bucket itself. */
  object?: string;
  /** For the service, not for a bucket. */
  service?: boolean;
  query?: Record<string, string>;
  /** Lower-case names; all are signed. */
  headers?: Record<string, string>;
  body?: string | Buffer;
  /** Instead of the digest of the body. */
  payload?: string;
  /** Ask with `Expect: 100-continue` whether to send the body. */
  waits?: boolean;
  timeoutMs?: number;
  /** How often it is repeated while the server is busy or the connection breaks; 3 by default. */
  repeats?: number;
}

/** What came back. A request without an answer has the status 0, and the errno of the fault as its code. */
export interface Answer {
  status: number;
  /** Of the error: `AccessDenied`; empty when it is none. */
  code: string;
  message: string;
  /** The other elements of an error. */
  fields: Record<string, string>;
  headers: IncomingHttpHeaders;
  body: string;
  continued: boolean;
  /** The time that the answer bears, minus that of this host; undefined when it bears none. */
  clockOffsetMs: number | undefined;
  /** What we signed (version 4). */
  canonicalRequest: string;
}

export function isDone({ status }: Answer): boolean {
  return status >= 200 && status < 300;
}

/** Asks once, or again while the server is busy. Never throws but for the signal. */
export async function ask(line: Line, question: Question): Promise<Answer> {
  const repeats = question.repeats ?? 3;
  for (let attempt = 1; ; attempt += 1) {
    const answer = await askOnce(line, question);
    line.signal.throwIfAborted();
    const isBusy = [500, 502, 503, 504].includes(answer.status) || ['ECONNRESET', 'EPIPE'].includes(answer.code);
    if (!isBusy || attempt > repeats) return answer;
    await sleep(100 * 2 ** attempt, undefined, { signal: line.signal });
  }
}

async function askOnce(line: Line, question: Question): Promise<Answer> {
  const { endpoint } = line;
  const { method, query = {} } = question;
  const isVirtual = line.style === 'virtual-host' && question.service !== true;
  const hostname = isVirtual ? `${line.bucket}.${endpoint.hostname}` : endpoint.hostname;
  const host = endpoint.port === '' ? hostname : `${hostname}:${endpoint.port}`;
  const prefix = endpoint.pathname.replace(/\/$/, '');
  const below = question.service === true ? '' : isVirtual ? '' : `/${line.bucket}`;
  const object = question.object === undefined ? '' : `/${encodePath(question.object)}`;
  const path = `${prefix}${below}${object}` || '/';
  const signedPath = line.signedWithoutPrefix === true ? `${below}${object}` || '/' : path;
  const body = Buffer.from(question.body ?? '');
  const headers: Record<string, string> = { ...question.headers };
  if (body.length > 0 || ['PUT', 'POST'].includes(method)) headers['content-length'] = String(body.length);
  const payload = question.payload ?? createHash('sha256').update(body).digest('hex');
  const date = new Date(Date.now() + line.clockOffsetMs);
  let canonicalRequest = '';
  let signed: Record<string, string>;
  if (line.signature === 'v4') {
    const result = signV4(
      { method, path: signedPath, query, headers: { ...headers, host: line.signedHost ?? host }, payload },
      line.key,
      { region: line.region, date },
    );
    ({ canonicalRequest } = result);
    signed = result.headers;
  } else {
    const resource = isVirtual ? `/${line.bucket}${signedPath}` : signedPath;
    ({ headers: signed } = signV2({ method, path: resource, query, headers }, line.key, date));
  }
  const search = encodeQuery(query);
  try {
    const answer = await exchange({
      protocol: endpoint.protocol,
      hostname,
      port: Number(endpoint.port || (endpoint.protocol === 'https:' ? 443 : 80)),
      method,
      target: search === '' ? path : `${path}?${search}`,
      headers: { ...signed, host, ...(question.waits ? { expect: '100-continue' } : {}) },
      body,
      waits: question.waits ?? false,
      timeoutMs: question.timeoutMs ?? line.timeoutMs,
      ca: line.ca,
      lookup: line.lookup,
      signal: line.signal,
    });
    return { ...answer, ...errorIn(answer.status, answer.body), canonicalRequest, clockOffsetMs: clockOf(answer) };
  } catch (error) {
    line.signal.throwIfAborted();
    const message = error instanceof Error ? error.message : String(error);
    const nothing = { status: 0, fields: {}, headers: {}, body: '', continued: false, clockOffsetMs: undefined };
    return { ...nothing, code: errnoOf(error) ?? 'ECONNRESET', message, canonicalRequest };
  }
}

const parser = new XMLParser({ parseTagValue: false, htmlEntities: true });

/** Code, message and the rest of an error; also of one that comes with status 200. */
function errorIn(status: number, body: string): Pick<Answer, 'code' | 'message' | 'fields'> {
  let found: Record<string, unknown> = {};
  if (body.includes('<Error>')) {
    try {
      found = ((parser.parse(body) as Record<string, unknown>)['Error'] ?? {}) as Record<string, unknown>;
    } catch {
      // Not XML after all: the status alone counts.
    }
  }
  const fields: Record<string, string> = {};
  for (const [name, value] of Object.entries(found)) if (typeof value === 'string') fields[name] = value;
  const { Code = '', Message = '', ...rest } = fields;
  return { code: Code === '' && status >= 400 ? `HTTP ${status}` : Code, message: Message, fields: rest };
}

function clockOf({ headers, startedMs, endedMs }: Awaited<ReturnType<typeof exchange>>): number | undefined {
  const at = Date.parse(headers.date ?? '');
  return Number.isNaN(at) ? undefined : at + 500 - (startedMs + endedMs) / 2;
}
