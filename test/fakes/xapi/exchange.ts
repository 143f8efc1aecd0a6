import type { TLSSocket } from 'node:tls';
import type { HttpRequest } from './http.ts';
import type { FakePool } from './pool.ts';
import type { FakeSession } from './sessions.ts';
import type { StreamReader } from './socket-reader.ts';

/** A request that is no call, on its way. */
export interface Exchange {
  pool: FakePool;
  host: number;
  request: HttpRequest;
  socket: TLSSocket;
  reader: StreamReader;
  /** Breaks the connection off. */
  reset: () => void;
  session: FakeSession;
}

/** A parameter of a request: in a cookie, or in the query. */
export function parameterOf({ cookies, query }: HttpRequest, name: string): string | undefined {
  return cookies[name] ?? query[name];
}
