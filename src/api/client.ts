import { apiPrefix, type AnswerOf, type CallOf, type RouteKey } from '../model/api/contract.ts';
import type { Problem } from '../model/api/contract-type.ts';
import type { ApiJobEvent } from '../model/api/jobs.ts';
import { AppError, type ErrorCode, errorTable } from '../util/errors.ts';

/** The API for TypeScript: `await client.call('GET /images/:template/:version', { params: { template, version } })`. */
export interface ApiClient {
  /** @throws AppError with the code of the server; TARGET_UNREACHABLE when it does not answer */
  call<K extends RouteKey>(route: K, asked: CallOf<K> & { idempotencyKey?: string; signal?: AbortSignal }): Promise<AnswerOf<K>>;
  /** The events of a job from `after` on, until it ends. A connection that breaks is opened again: nothing is missed, nothing comes twice. */
  events(job: string, after?: number, signal?: AbortSignal): AsyncGenerator<ApiJobEvent>;
  /** The bytes of a backup of the database. */
  backup(): Promise<ReadableStream<Uint8Array>>;
  /** The events of a job that there are now. */
  milestones(job: string): Promise<ApiJobEvent[]>;
}

export interface ClientOptions {
  /** `https://gabarit.example` */
  url: string;
  /** `gbt_…` */
  token?: string | undefined;
  /** For tests, and for authorities of one's own. */
  fetch?: typeof globalThis.fetch;
}

const mostAttempts = 5;

export function openClient({ url, token, fetch = globalThis.fetch }: ClientOptions): ApiClient {
  const root = url.replace(/\/+$/, '') + apiPrefix;
  const authorization: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` };

  async function send(path: string, init: RequestInit): Promise<Response> {
    let answer: Response;
    try {
      answer = await fetch(root + path, { ...init, redirect: 'error' });
    } catch (cause) {
      if (init.signal?.aborted === true) throw new AppError('CANCELLED', `Cancelled: ${path}`, { cause });
      throw new AppError('TARGET_UNREACHABLE', `The server ${url} does not answer`, {
        cause,
        hint: 'Is it running? GABARIT_SERVER and --server say where.',
      });
    }
    if (answer.ok) return answer;
    throw errorOf((await answer.json().catch(() => ({}))) as Partial<Problem>, answer.status, url);
  }

  return {
    async call(route, asked) {
      const {
        params = {},
        query = {},
        body,
        idempotencyKey,
        signal,
      } = asked as {
        params?: Record<string, string>;
        query?: Record<string, unknown>;
        body?: unknown;
        idempotencyKey?: string;
        signal?: AbortSignal;
      };
      const [method = 'GET', pattern = ''] = route.split(' ');
      const path = pattern.replaceAll(/:([a-z]+)/g, (_, name: string) => encodeURIComponent(params[name] ?? ''));
      const given = Object.entries(query).filter(([, value]) => value !== undefined);
      const search =
        given.length === 0
          ? ''
          : `?${new URLSearchParams(given.map(([name, value]): [string, string] => [name, String(value)])).toString()}`;
      const answer = await send(path + search, {
        method,
        headers: {
          ...authorization,
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...(idempotencyKey === undefined ? {} : { 'idempotency-key': idempotencyKey }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        ...(signal ? { signal } : {}),
      });
      const text = await answer.text();
      return (text === '' ? undefined : JSON.parse(text)) as AnswerOf<typeof route>;
    },
    async backup() {
      const { body } = await send('/backup', { method: 'POST', headers: authorization });
      if (!body) throw new AppError('TARGET_UNREACHABLE', `The server ${url} sent nothing`, { hint: 'Try again.' });
      return body;
    },
    async milestones(job) {
      const answer = await send(`/jobs/${encodeURIComponent(job)}/events?follow=false`, { headers: authorization });
      const found: ApiJobEvent[] = [];
      for await (const { name, data } of messagesOf(answer)) {
        if (name === 'end') return found;
        found.push(JSON.parse(data) as ApiJobEvent);
      }
      throw new AppError('TARGET_UNREACHABLE', `The connection to ${url} broke off`, { hint: 'Try again.' });
    },
    async *events(job, after = 0, signal = new AbortController().signal) {
      let seen = after;
      for (let attempt = 0; attempt < mostAttempts && !signal.aborted; attempt += 1) {
        const answer = await send(`/jobs/${encodeURIComponent(job)}/events`, {
          headers: { ...authorization, 'last-event-id': String(seen) },
          signal,
        });
        try {
          for await (const { name, data } of messagesOf(answer)) {
            if (name === 'end') return;
            const event = JSON.parse(data) as ApiJobEvent;
            seen = event.seq;
            attempt = 0;
            yield event;
          }
        } catch (error) {
          if (signal.aborted) return;
          if (error instanceof AppError || error instanceof SyntaxError) throw error;
          // The connection broke: again from what was seen.
        }
      }
    },
  };
}

/** Messages of a stream of events, whole ones only. */
async function* messagesOf(answer: Response): AsyncGenerator<{ name: string | undefined; data: string }> {
  let text = '';
  const decoder = new TextDecoder();
  for await (const chunk of answer.body ?? []) {
    text += decoder.decode(chunk as Uint8Array, { stream: true });
    for (let end = text.indexOf('\n\n'); end !== -1; end = text.indexOf('\n\n')) {
      const lines = text.slice(0, end).split('\n');
      text = text.slice(end + 2);
      const field = (name: string): string | undefined =>
        lines.find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2);
      const data = field('data');
      if (data !== undefined) yield { name: field('event'), data };
    }
  }
}

function errorOf({ code, detail, hint, faults }: Partial<Problem>, status: number, url: string): AppError {
  const known = code !== undefined && Object.hasOwn(errorTable, code) ? (code as ErrorCode) : 'TARGET_FAILED';
  return new AppError(known, detail ?? `The server ${url} answered ${status}`, {
    ...(hint === undefined ? {} : { hint }),
    ...(faults
      ? {
          faults: faults.map(({ message, ...place }) => ({
            message,
            ...Object.fromEntries(Object.entries(place).filter(([, value]) => value !== undefined)),
          })),
        }
      : {}),
  });
}
