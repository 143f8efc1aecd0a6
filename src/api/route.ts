import type { Readable } from 'node:stream';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { z } from 'zod';
import type { Contract, Role, RouteContract } from '../model/api/contract-type.ts';
import type { Caller } from './access/caller.ts';

/** What a handler of a route is given, and what it gives back: both follow from the contract. */

type Out<T> = T extends z.ZodType ? z.output<T> : undefined;
type Part<R, K extends string> = K extends keyof R ? Out<R[K]> : undefined;

export interface ApiRequest<R extends RouteContract> {
  params: Part<R, 'params'>;
  query: Part<R, 'query'>;
  body: Part<R, 'body'>;
  /** Who asks; only a public route may be asked by nobody. */
  caller: R['needs'] extends 'public' ? Caller | undefined : Caller;
  /** Aborted when the client has gone. */
  signal: AbortSignal;
  /** @throws AppError FORBIDDEN when the caller may not do that with this template and channel */
  must: (role: Role, about?: { template?: string; channel?: string }) => void;
  /** Whether the caller may. */
  may: (role: Role, about?: { template?: string; channel?: string }) => boolean;
  /** What it was about, for the audit log. */
  about: (on: Record<string, string>) => void;
  raw: FastifyRequest;
  reply: FastifyReply;
}

/** An answer that is no JSON. `undefined` means that the handler has taken the reply over. */
export interface Raw {
  body: Readable | Buffer | string;
  type?: string;
  headers?: Record<string, string>;
  status?: number;
}

type Answer<R extends RouteContract> = R extends { answer: infer A extends z.ZodType }
  ? z.input<A>
  : R extends { media: string }
    ? Raw | undefined
    : void;

/** A handler for every route of a contract. */
export type Handlers<C extends Contract> = {
  [K in keyof C]: (request: ApiRequest<C[K]>) => Answer<C[K]> | Promise<Answer<C[K]>>;
};
