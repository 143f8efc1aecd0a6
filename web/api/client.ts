import type { AnswerOf, CallOf, RouteKey } from '../../src/model/api/contract.ts';
import type { Fault } from './fault.ts';

/** Why the server refused: the same words as on the command line. */
export interface Refusal {
  code: string;
  message: string;
  hint?: string | undefined;
  faults?: Fault[] | undefined;
}

/** A request that the server refused, or that never reached it (`status` 0). */
export class ApiError extends Error {
  readonly status: number;
  readonly refusal: Refusal;

  constructor(status: number, refusal: Refusal) {
    super(refusal.message);
    this.status = status;
    this.refusal = refusal;
  }
}

type Words = Record<string, string | number | boolean | undefined>;

/** The address of a route, for what the browser fetches by itself: a download, a picture, a stream. */
export function addressOf<K extends RouteKey>(route: K, given: Omit<CallOf<K>, 'body'>): string {
  const { params = {}, query = {} } = given as { params?: Words; query?: Words };
  const path = route
    .slice(route.indexOf(' ') + 1)
    .replaceAll(/:(\w+)/g, (_, name: string) => encodeURIComponent(String(params[name])));
  const search = new URLSearchParams(
    Object.entries(query).flatMap(([name, value]) => (value === undefined ? [] : [[name, String(value)]])),
  );
  return `/api/v1${path}${search.size > 0 ? `?${search}` : ''}`;
}

/** Calls a route of the API. @throws ApiError */
export async function call<K extends RouteKey>(
  route: K,
  given: CallOf<K>,
  options: { signal?: AbortSignal; etag?: string } = {},
): Promise<AnswerOf<K>> {
  const method = route.slice(0, route.indexOf(' '));
  const { body } = given as { body?: unknown };
  const headers: Record<string, string> = { accept: 'application/json' };
  if (body !== undefined) headers['content-type'] = 'application/json';
  // A request that the browser repeats does nothing twice.
  if (method === 'POST') headers['idempotency-key'] = crypto.randomUUID();
  if (options.etag !== undefined) headers['if-match'] = options.etag;
  const init: RequestInit = {
    method,
    headers,
    body: body === undefined ? null : JSON.stringify(body),
    signal: options.signal ?? null,
  };
  const response = await fetch(addressOf(route, given as Omit<CallOf<K>, 'body'>), init).catch((error: unknown) => {
    if (options.signal?.aborted) throw error;
    throw new ApiError(0, { code: 'UNREACHABLE', message: String(error) });
  });
  const isJson = response.headers.get('content-type')?.includes('json') ?? false;
  const answer: unknown = isJson ? await response.json() : await response.text();
  if (response.ok) return answer as AnswerOf<K>;
  throw new ApiError(response.status, refusalOf(answer, response));
}

function refusalOf(answer: unknown, { status, statusText }: Response): Refusal {
  if (typeof answer !== 'object' || answer === null) return { code: `HTTP_${status}`, message: `${status} ${statusText}` };
  const { code, detail, title, hint, faults } = answer as Partial<Refusal> & { detail?: string; title?: string };
  return { code: code ?? `HTTP_${status}`, message: detail ?? title ?? `${status} ${statusText}`, hint, faults };
}
