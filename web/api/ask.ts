import { queryOptions } from '@tanstack/react-query';
import type { AnswerOf, CallOf, RouteKey } from '../../src/model/api/contract.ts';
import { call } from './client.ts';

interface Asking {
  /** Milliseconds between two questions while the page is open. */
  every?: number;
  enabled?: boolean;
}

/** A question to the server, for `useQuery`: its key is the route with what is given to it. */
export function ask<K extends RouteKey>(route: K, given: CallOf<K>, { every, enabled }: Asking = {}) {
  return queryOptions<AnswerOf<K>>({
    queryKey: [route, given],
    queryFn: ({ signal }) => call(route, given, { signal }),
    ...(every === undefined ? {} : { refetchInterval: every }),
    ...(enabled === undefined ? {} : { enabled }),
  });
}
