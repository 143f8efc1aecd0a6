import type { z } from 'zod';
import { accessContract } from './access.ts';
import { imagesContract } from './images.ts';
import { jobsContract } from './jobs.ts';
import { systemContract } from './system.ts';
import { targetsContract } from './targets.ts';
import { templatesContract } from './templates.ts';

/** All routes of the API, below {@link apiPrefix}. */
export const contract = {
  ...systemContract,
  ...accessContract,
  ...templatesContract,
  ...jobsContract,
  ...imagesContract,
  ...targetsContract,
} as const;

export const apiPrefix = '/api/v1';

export type Contracts = typeof contract;
export type RouteKey = keyof Contracts;

type In<T> = T extends z.ZodType ? z.input<T> : never;
type Out<T> = T extends z.ZodType ? z.output<T> : never;

/** What a caller gives to a route: `params`, `query`, `body`. */
export type CallOf<K extends RouteKey> = {
  [Part in 'params' | 'query' | 'body' as Part extends keyof Contracts[K] ? Part : never]: Part extends keyof Contracts[K]
    ? In<Contracts[K][Part]>
    : never;
};

/** What a caller gets from a route. */
export type AnswerOf<K extends RouteKey> = Contracts[K] extends { answer: infer A } ? Out<A> : undefined;
